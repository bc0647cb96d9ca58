# Driving an editor in a real terminal (tmux), by its keys and its screen. Sourced by the tests; `shots` may name a
# directory in which screens are kept.
work=$(mktemp -d)
socket="auditline-$$"
passed=0 failed=0
mkdir -p "$work/project" "$work/bin" "$work/home"
export PATH="$work/bin:$PATH" HOME="$work/home" XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"
export XDG_DATA_HOME="$work/data" XDG_CACHE_HOME="$work/cache" LANG=C.UTF-8 LC_ALL=C.UTF-8
[ -z "${shots:-}" ] || { mkdir -p "$shots"; shots=$(realpath "$shots"); }
terminal() { tmux -L "$socket" -f /dev/null "$@"; }
trap 'terminal kill-server 2>/dev/null || true; rm -rf "$work"' EXIT

check() {
  if [ "$2" = 0 ]; then passed=$((passed + 1)); echo "ok   $1"; else failed=$((failed + 1)); echo "FAIL $1"; fi
}
start() { terminal new-session -d -s editor -x 140 -y 40 "env TERM=xterm-256color $1"; }
screen() { terminal capture-pane -p -t editor 2>/dev/null || true; }
shot() { [ -z "${shots:-}" ] || terminal capture-pane -e -p -t editor > "$shots/$1.ansi"; }
keys() {
  local key
  for key in "$@"; do
    case "$key" in
      Enter | Escape | Tab | Space | C-* | M-*) terminal send-keys -t editor "$key" ;;
      *) terminal send-keys -t editor -l -- "$key" ;;
    esac
  done
}
# until CONDITION…: waits for it, at most 20 seconds.
until_ok() {
  local turn
  for turn in $(seq 200); do
    if "$@"; then return 0; fi
    sleep 0.1
  done
  return 1
}
shows() { screen | grep -qF -- "$1"; }
hides() { ! shows "$1"; }
sees() { local ok=0; until_ok shows "$2" || ok=1; check "$1" $ok; [ $ok = 0 ] || screen; }
misses() { local ok=0; until_ok hides "$2" || ok=1; check "$1" $ok; [ $ok = 0 ] || screen; }
disk() { local ok=0; until_ok grep -qxF -- "$3" "$2" || ok=1; check "$1" $ok; [ $ok = 0 ] || cat "$2"; }
gone() { ! terminal has-session -t editor 2>/dev/null; }
ended() { local ok=0; until_ok gone || ok=1; check "$1" $ok; [ $ok = 0 ] || screen; }
finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
