#!/usr/bin/env bash
# Tests the server and the plugin in the real Neovim: run.sh SERVER_BIN [NVIM]
# Closes with a line `N passed, N failed`; the exit code is that of the tests.
set -euo pipefail
server=$(realpath "$1")
nvim=${2:-${NVIM:-nvim}}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/project/app" "$work/state" "$work/bin"
ln -s "$server" "$work/bin/auditline"
cp -r "$here/project/." "$work/project/"
# CRLF and tabs are made here, so that no tool of the repository can turn them into something else.
sed 's/$/\r/' "$work/project/app/jobs.py" > "$work/project/app/jobs_crlf.py"
sed 's/^    /\t/; s/^\(\t*\)    /\1\t/' "$work/project/app/jobs.py" > "$work/project/app/jobs_tabs.py"
export PATH="$work/bin:$PATH" XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config" XDG_DATA_HOME="$work/data"
export XDG_CACHE_HOME="$work/cache" LANG=C.UTF-8 AUDITLINE_RUNTIME="$root/editors/neovim"
# Tags are made beside a copy: the repository stays as it is.
mkdir -p "$work/help/doc" && cp "$root/editors/neovim/doc/auditline.txt" "$work/help/doc/"
export AUDITLINE_HELP="$work/help/doc"
cd "$work/project"
timeout 120 "$nvim" --headless --clean -l "$here/e2e.lua"
