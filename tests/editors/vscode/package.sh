#!/usr/bin/env bash
# Packages the extension as it is shipped, with the server inside: package.sh SERVER_BIN FILE.vsix [TARGET]
set -euo pipefail
server=$(realpath "$1")
out=$(realpath -m "$2")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../../../editors/vscode"
installed=$(bash "$here/install.sh")
eval "$installed"
export PATH="$(dirname "$NODE"):$PATH"
export npm_config_loglevel=error npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
if [ ! -e node_modules/.complete ] || [ package-lock.json -nt node_modules/.complete ]; then
  "$NODE" "$NPM" ci --ignore-scripts
  touch node_modules/.complete
fi
"$NODE" "$NPM" run -s typecheck
"$NODE" "$NPM" run -s build
mkdir -p bundled
cp "$server" bundled/auditline
"$NODE" "$NPM" run -s package -- --out "$out" ${3:+--target "$3"}
