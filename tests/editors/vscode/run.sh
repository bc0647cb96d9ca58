#!/usr/bin/env bash
# Tests the extension in the real VS Code: run.sh SERVER_BIN
# First in the extension host, then on the screen, as a person sees it. Closes with a line `N passed, N failed` that counts
# both; the exit code is that of the tests.
set -euo pipefail
server=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
extension=$root/editors/vscode
out=${AUDITLINE_VSCODE_OUT:-$root/target/editors/vscode}
installed=$(bash "$here/install.sh")
eval "$installed"
export CHROMIUM PATH="$(dirname "$NODE"):$PATH"
export npm_config_loglevel=error npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
rm -rf "$out"
mkdir -p "$out/screenshots"

package() {
  bash "$here/package.sh" "$server" "$out/auditline.vsix"
  cd "$extension"
  "$NODE" "$NPM" run -s build:tests
}
package > "$out/package.log" 2>&1 || { cat "$out/package.log"; echo "0 passed, 1 failed"; exit 1; }

work=$(mktemp -d)
pid=
cleanup() {
  if [ -n "$pid" ]; then
    kill -TERM -- "-$pid" 2> /dev/null || true
    # Its children may still write into the profile.
    for _ in $(seq 20); do kill -0 -- "-$pid" 2> /dev/null || break; sleep 0.1; done
    kill -KILL -- "-$pid" 2> /dev/null || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT

# A profile in which nothing is remembered, and no program `auditline` to be found by chance.
mkdir -p "$work/data/User" "$work/extensions" "$work/tests"
echo 'cert: false' > "$work/config.yaml"
cp "$here/settings.json" "$work/data/User/settings.json"
echo '{ "name": "tests", "publisher": "auditline", "version": "1.0.0", "engines": { "vscode": "*" } }' > "$work/tests/package.json"
code=("$NODE" "$CODE_SERVER" --config "$work/config.yaml" --user-data-dir "$work/data" --extensions-dir "$work/extensions")
"${code[@]}" --install-extension "$out/auditline.vsix" --force > "$out/install.log" 2>&1 || { cat "$out/install.log"; exit 1; }
grep -q 'successfully installed' "$out/install.log"

# Without the smoke-test driver a built VS Code takes no tests.
setsid "${code[@]}" --bind-addr 127.0.0.1:0 --auth none --disable-telemetry --disable-update-check --disable-workspace-trust \
  --disable-getting-started-override --vscode-option enable-smoke-test-driver > "$out/code-server.log" 2>&1 &
pid=$!
url=
for _ in $(seq 200); do
  url=$(sed -n 's#.*HTTP server listening on \(http://[0-9.:]*\).*#\1#p' "$out/code-server.log" | head -1)
  [ -z "$url" ] || break
  sleep 0.1
done
[ -n "$url" ] || { cat "$out/code-server.log"; exit 1; }

# The sample projects, as the tests find them.
projects() {
  rm -rf "$work/projects"
  mkdir "$work/projects"
  cp -r "$root/tests/projects/storefront" "$here/warehouse" "$work/projects/"
  cp "$here/shop.code-workspace" "$work/projects/"
}

failed=0
projects
"$NODE" "$extension/out/host.js" --url "$url" --workspace "$work/projects/shop.code-workspace" \
  --extension "$work/tests" --tests "$extension/out/exthost.js" | tee "$out/exthost.log" | sed '$d' || failed=1
projects
"$NODE" "$extension/out/screen.js" --url "$url" --projects "$work/projects" --server "$server" \
  --out "$out/screenshots" | tee "$out/screen.log" | sed '$d' || failed=1
# The pictures of the README are those of the last run that was asked to renew them.
if [ "$failed" = 0 ] && [ -n "${AUDITLINE_RENEW_SCREENSHOTS:-}" ]; then
  for name in audit hover-dark hover-light quick-fix report; do
    cp "$out/screenshots/$name.png" "$extension/images/"
  done
fi
tail -qn1 "$out/exthost.log" "$out/screen.log" | awk '
  /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; lines++ }
  END { printf "%d passed, %d failed\n", passed, failed + 2 - lines }'
exit $failed
