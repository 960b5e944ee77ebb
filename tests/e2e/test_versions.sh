#!/bin/bash
# shellcheck source=lib.sh
# Two versions of pmig that do not speak the same protocol: what the one began, the other neither stops nor hangs on; it says which host
# speaks which version and what to do, and the one that began it goes on with it.
. "$(dirname "$0")/lib.sh"
hosts_begin

# Both in a directory of their own, as after an installation: the other hosts get their agent from there.
NEXT=$BIN/tests/next
TODAY=$BIN
words='the other side speaks version 99 of pmig.s protocol, this one version [0-9]+: use the same pmig at both ends'

# with BIN VERB ARGUMENT...: in the background, its input from the descriptor 7.
with() {
	BIN=$1 on alpha timeout 60 "$1/pmig" "${@:2}" <"$T/input" >>"$T/echo.out" 2>>"$T/echo.err" &
	supervisor=$!
}

# Its supervisor is killed, and nothing else.
left_alone() {
	t hosts exec alpha pkill -KILL -x pmig
	wait $supervisor || true
	pid=$(pids_on "$1" echo)
}

mkfifo "$T/input"
exec 7<>"$T/input"
with "$NEXT" run --name later -- "$TODAY/tests/echo" 1000000
goes_on
for host in alpha beta; do
	[ $host = alpha ] || t on alpha "$NEXT/pmig" move later $host
	left_alone $host
	expect 125 on alpha timeout 20 "$TODAY/pmig" attach later
	says "^pmig: attach: $host: .*$words"
	check "the program is the one it was" test "$(pids_on $host echo)" = "$pid"
	with "$NEXT" attach later
	goes_on
done
t on alpha "$NEXT/pmig" kill -KILL later
wait $supervisor || true

# The target has an agent of another version for it: the move is refused before anything is frozen.
: >"$T/echo.out"
lines=0
with "$TODAY" run --name now -- "$TODAY/tests/echo" 1000000
goes_on
uuid=$(pmig_on alpha ps --json | jq -r '.[] | select(.name == "now") | .uuid')
cp "$NEXT/pmig-agent" "$(hosts path beta)/home/mig/agent"
mkfifo "$T/hold"
on beta ./agent connect "$uuid" --name now <"$T/hold" >"$T/agent" &
exec 8>"$T/hold"
await "$T/agent" '^pmig-agent . ready'
expect 3 on alpha timeout 20 "$TODAY/pmig" move now beta
says "^pmig move: plan: beta: .*$words"
goes_on
pmig_on alpha ps --json >"$T/ps"
check "it goes on at alpha, in its epoch" test "$(jq -r '.[] | select(.name == "now") | .host, .state, .epoch' "$T/ps" | tr '\n' ' ')" = "alpha running 1 "
exec 8>&-
t pmig_on alpha move now gamma
goes_on
t pmig_on alpha kill -KILL now
