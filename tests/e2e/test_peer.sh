#!/bin/bash
# shellcheck source=lib.sh
# Peers that take part, by a library of their own: a program that knows nothing of pmig talks to one that moves, each byte checked both ways; it is told where
# the program is now, goes there, and the source can be switched off.
. "$(dirname "$0")/lib.sh"
hosts_begin 'SEES=alpha gamma'

A=10.77.0.11 B=10.77.0.12
CONVERSES=$BIN/tests/converses
# By an ordinary compiler, with nothing else of pmig.
t gcc -O2 -Wall -Wextra -Werror -I "$PMIG_SOURCE/runtime/include" "$PMIG_SOURCE/tests/programs/converses.c" -o "$T/plain" -L "$BIN/../lib" -lpmig-peer
check "it has no part of the runtime" test -z "$(nm "$T/plain" | grep -E ' pmig_(stop|poll|declare_fd|epoch|malloc)$' || true)"
for host in beta gamma; do on "$host" sh -c 'cat >caller && chmod +x caller' <"$T/plain"; done

# call HOST NAME ADDRESS: the plain program there, in the background
call() {
	on "$1" ./caller call "$3" >"$T/$2.out" 2>&1 &
	CALLER=$!
	CLIENT=${CLIENT:-$CALLER}
	await "$T/$2.out" '^connection '
}
# end_call HOST NAME: it ends well, each byte once
end_call() {
	local status=0
	hosts exec "$1" kill -TERM "$(pids_on "$1" caller)"
	wait "$CALLER" || status=$?
	check "$2: $(tail -n 1 "$T/$2.out")" grep -qE '^[0-9]{4,} bytes each way, each once' "$T/$2.out"
	check "$2 ended well" test $status -eq 0
}
listens() { hosts exec "$1" cat /proc/net/tcp | grep -qi ":$(printf %04X "$2") 00000000:0000 0A"; }

# --- the address that everybody knows stays; who takes part goes along ---
start alpha server "$CONVERSES" listen 0.0.0.0:7000
await "$T/server.out" ready
call gamma client $A:7000
t pmig_on alpha move server beta
await "$T/client.out" "^connection 2 to $B:7000, epoch"
check "the address that everybody knows is served at alpha" listens alpha 7000
call beta newcomer $A:7000
await "$T/newcomer.out" "^connection [12] to $B:7000, epoch"
end_call beta newcomer
t pmig_on alpha move server home
await "$T/client.out" "^connection 3 to $A:"
CALLER=$CLIENT
end_call gamma client
await "$T/server.out" 'bytes answered, over 3 connections'
t pmig_on alpha kill server
ended_with server 0

# --- nobody but participants: nothing stays, the source is switched off ---
# run_on HOST NAME PROGRAM...: from gamma, its home
run_on() {
	local host=$1 name=$2
	shift 2
	(
		status=0
		on gamma "$BIN/pmig" run --on "$host" --name "$name" -- "$@" </dev/null >"$T/$name.out" 2>"$T/$name.err" || status=$?
		echo "status $status" >"$T/$name.status"
	) &
}
run_on alpha follows "$CONVERSES" listen 0.0.0.0:7001 participants
await "$T/follows.out" ready
call gamma faithful $A:7001
CLIENT=$CALLER
t pmig_on gamma move follows beta
await "$T/faithful.out" "^connection 2 to $B:7001"
# The old connection is given back a moment after the new one is there.
for _ in {1..100}; do
	[ "$(pmig_on gamma references --json follows | jq 'map(select(.to == "alpha")) | length')" != 0 ] || break
done
check "nothing of it is at alpha" test "$(pmig_on gamma references --json follows | jq 'map(select(.to == "alpha")) | length')" = 0
t hosts power alpha
heard=$(grep -c 'so far' "$T/faithful.out" || true)
await "$T/faithful.out" "^$((heard + 2))[0-9]{5} bytes so far"
end_call gamma faithful
await "$T/follows.out" 'bytes answered, over 2 connections'
t pmig_on gamma kill follows
ended_with follows 0
t hosts boot alpha

# --- the samples; source and home are switched off at once ---
on gamma sh -c 'cat >asker && chmod +x asker' <"$BIN/samples/asker-plain"
start alpha teller "$BIN/samples/teller" 0.0.0.0:7003
await "$T/teller.out" ready
on gamma ./asker $A:7003 600 >"$T/asker.out" 2>&1 &
asker=$!
await "$T/asker.out" 'from alpha'
t pmig_on alpha move teller beta
await "$T/asker.out" 'from beta'
t hosts power alpha
check "it was still asking" kill -0 $asker
check "asker ends well" wait $asker
check "it missed nothing" grep -qxF '600 numbers, none missing' "$T/asker.out"
