#!/usr/bin/env bash
# Tests the server and the linter in the real Vim with ALE, by its keys and its screen: run.sh SERVER_BIN [SHOTS]
# Closes with a line `N passed, N failed`; the exit code is that of the tests. Screens are kept in SHOTS if it is named.
set -euo pipefail
server=$(realpath "$1")
shots=${2:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
. "$here/../terminal.sh"
cp -r "$here/../neovim/project/." "$work/project/"
ln -s "$server" "$work/bin/auditline"
export AUDITLINE_RUNTIME="$root/editors/vim"
cd "$work/project"
vim=$(command -v vim.nox || command -v vim)
start "$vim -Nu '$here/e2e.vim' app/routes.py"

sees 'the finding stands behind its line' 'Item.stock'
shot 1-finding
keys ':12' Enter ':ALEHover' Enter
sees 'the hover names the hazard' 'unlocked-read-modify-write'
sees 'and tells the story' 'What happens:'
shot 2-hover
keys ':pclose' Enter
keys ':AuditlineExplain' Enter
sees ':AuditlineExplain opens the page of the finding on the line' 'races · warning'
shot 3-explain
keys q
misses 'and q closes it' 'races · warning'
keys ':12' Enter ':ALECodeAction' Enter
sees 'the fixes are offered' 'Lock the load'
sees 'and the comment that suppresses' 'Suppress AUD201 with a comment'
shot 4-actions
keys 1 Enter
sees 'the row is locked, behind the emoji' '.with_for_update().first()'
misses 'and the finding goes' 'loaded without a lock'
keys ':set nomodified' Enter ':w' Enter
disk 'the file on disk is what the screen shows' app/routes.py \
  '    label = "🛒 taken"; item = db.query(Item).filter(Item.id == key).with_for_update().first()'
keys u ':w' Enter
sees 'undo brings the finding back' 'Item.stock'
keys ':12' Enter ':ALECodeAction' Enter
sees 'the actions are offered again' 'Suppress AUD201 with a comment'
number=$(screen | sed -n 's/^ *\([0-9]*\)[):.]* .*Suppress AUD201.*/\1/p' | head -1)
keys "${number:-0}" Enter
sees 'a comment suppresses it' '# auditline: ignore[AUD201]'
misses 'and it is silent' 'loaded without a lock'
keys ':w' Enter
disk 'the comment is on disk' app/routes.py '    item.stock -= quantity  # auditline: ignore[AUD201]'
keys ':AuditlineReport' Enter
sees ':AuditlineReport lists the findings of the project' 'app/jobs.py|16'
shot 5-report
keys ':qa!' Enter
ended 'Vim ends'
finish
