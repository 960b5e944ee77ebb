#!/bin/bash
# shellcheck source=lib.sh
# Peers that take part over bad links: 25 ms and 5 % loss each way during moves; a peer that is cut off while its server moves, and hears
# of it when its link is mended; a server that is cut off with its new home, and found again.
. "$(dirname "$0")/lib.sh"
hosts_begin

A=10.77.0.11 B=10.77.0.12
CONVERSES=$BIN/tests/converses
on gamma sh -c 'cat >caller && chmod +x caller' <"$BIN/tests/converses"
start alpha server "$CONVERSES" listen 0.0.0.0:7000
await "$T/server.out" ready
on gamma ./caller call $A:7000 >"$T/caller.out" 2>&1 &
caller=$!
await "$T/caller.out" '^connection 1 '

# goes_on: it says twice more how far it is
goes_on() {
	local heard
	heard=$(grep -c 'so far' "$T/caller.out" || true)
	for ((i = 0; i < 2; i++)); do
		await "$T/caller.out" "^$((heard + 1 + i))[0-9]{5} bytes so far"
	done
}

t hosts delay gamma 25 5%
t pmig_on alpha move server beta
await "$T/caller.out" "^connection [0-9]+ to $B:7000, epoch 2"
t pmig_on alpha move server home
await "$T/caller.out" "^connection [0-9]+ to $A:[0-9]+, epoch 3"
t hosts delay gamma off
goes_on

# Cut off without a word, so that what it is told has to wait.
t hosts hole gamma
t pmig_on alpha move server beta
t hosts unhole gamma
await "$T/caller.out" "^connection [0-9]+ to $B:[0-9]+, epoch 4"
goes_on

# The host of the server is not reached for longer than the peer waits for an answer (5 s): it looks elsewhere until it is.
t hosts hole beta
silent=$(wc -l <"$T/caller.out")
while on gamma perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => "10.77.0.12:7000", Timeout => 7)'; do :; done
check "nothing came meanwhile" test "$(wc -l <"$T/caller.out")" -le $((silent + 1))
t hosts unhole beta
goes_on
t pmig_on alpha move server home
await "$T/caller.out" "^connection [0-9]+ to $A:[0-9]+, epoch 5"
goes_on
hosts exec gamma kill -TERM "$(pids_on gamma caller)"
check "caller ends well" wait $caller
check "caller: $(tail -n 1 "$T/caller.out")" grep -qE '^[0-9]{6,} bytes each way, each once' "$T/caller.out"
t pmig_on alpha kill server
ended_with server 0
