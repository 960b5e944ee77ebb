#!/bin/bash
# shellcheck source=lib.sh
# The user's terminal: the program has one of its own there, of the same size, with its keys; it follows a move, and the user's
# is as it was afterwards. util-linux's script(1) is the terminal.
. "$(dirname "$0")/lib.sh"
export PMIG_STATE=$T/home
command -v script >/dev/null || skip "script(1) is not installed"

# user COMMAND: types what comes on descriptor 8, sees in $T/screen.
user() {
	rm -f "$T/keys" "$T/screen"
	mkfifo "$T/keys"
	script -qfec "stty rows 33 cols 99; $1; stty -a | grep -o -- '-*icanon'; echo STATUS" "$T/screen" <"$T/keys" >/dev/null &
	exec 8>"$T/keys"
}
sees() { await "$T/screen" "$1" 15; }

user "$BIN/pmig run -- /bin/sh -c 'stty size; tty; exit 7'; echo rc=\$?"
sees 'rc=7'
check "the program's terminal has the size of the user's" grep -q '^33 99' "$T/screen"
check "it is a terminal" grep -q '^/dev/pts/' "$T/screen"
sees '^STATUS'
check "the user's terminal edits lines again" grep -qx $'icanon\r*' "$T/screen"
exec 8>&-
wait

user "$BIN/pmig run --name keys -- $BIN/tests/echo; echo rc=\$?"
printf 'here\r' >&8
sees '1 here'
t "$BIN/pmig" move keys "local:$T/away"
printf 'there\r' >&8
check "it is typed to where the program is now" sees '2 there'
printf '\003' >&8
check "Ctrl-C reaches it there" sees 'rc=130'
sees '^STATUS'
exec 8>&-
wait
