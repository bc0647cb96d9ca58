#!/usr/bin/env bash
# Tests the server and auditline.el in the real Emacs with Eglot: run.sh SERVER_BIN
# Closes with a line `N passed, N failed`; the exit code is that of the tests.
set -euo pipefail
server=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/project" "$work/bin" "$work/home"
cp -r "$here/../neovim/project/." "$work/project/"
# CRLF and tabs are made here, so that no tool of the repository can turn them into something else.
sed 's/$/\r/' "$work/project/app/jobs.py" > "$work/project/app/jobs_crlf.py"
sed 's/^    /\t/; s/^\(\t*\)    /\1\t/' "$work/project/app/jobs.py" > "$work/project/app/jobs_tabs.py"
ln -s "$server" "$work/bin/auditline"
export PATH="$work/bin:$PATH" HOME="$work/home" LANG=C.UTF-8 LC_ALL=C.UTF-8 AUDITLINE_RUNTIME="$root/editors/emacs"
# The project is told by its repository, as Emacs does.
git init --quiet "$work/project"
cd "$work/project"
# Its warnings are errors: a library that does not compile cleanly is not one to install.
cp "$root/editors/emacs/auditline.el" "$work/auditline.el"
emacs -Q --batch --eval '(setq byte-compile-error-on-warn t)' -f batch-byte-compile "$work/auditline.el"
timeout 180 emacs -Q --batch -l "$here/e2e.el"
