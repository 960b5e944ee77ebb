#!/bin/bash
# shellcheck source=lib.sh
# Peers that take part, when hosts fail. A peer that hears nothing of a move, and whose server's last host is gone with all that was left there, asks
# the home of the server and goes on, with no byte lost. A peer's host that falls silent is noticed by the kernel: not while the peer is only busy, in time
# for one that is back soon, and for good for one that is not. About 25 s: those times are what is tested.
. "$(dirname "$0")/lib.sh"
hosts_begin
B=10.77.0.12

# --- the source fails ---
on gamma sh -c 'cat >asker && chmod +x asker' <"$BIN/samples/asker-plain"
on gamma sh -c 'cat >find.sh && chmod +x find.sh' <"$PMIG_SOURCE/samples/peer/find.sh"
start alpha teller "$BIN/samples/teller" 0.0.0.0:7000
await "$T/teller.out" ready
t pmig_on alpha move teller beta
on gamma env PMIG="$BIN/pmig" ./asker $B:7000 500 './find.sh alpha teller' >"$T/asker.out" 2>&1 &
asking=$!
await "$T/asker.out" "^number [0-9]+ is from beta, at $B:7000"
t hosts hole gamma
t pmig_on alpha move teller alpha
t hosts power beta
t hosts unhole gamma
await "$T/asker.out" '^number [0-9]+ is from alpha'
check "the asker ends well" wait $asking
check "no number is missing" test "$(tail -n 1 "$T/asker.out")" = '500 numbers, none missing'
t pmig_on alpha kill teller
ended_with teller 0

# --- a peer's host ---
# goes_on: it says twice more how far it is
goes_on() {
	local heard
	heard=$(grep -c 'so far' "$T/caller.out" || true)
	for ((i = 0; i < 100 * 20 && $(grep -c 'so far' "$T/caller.out" || true) < heard + 2; i++)); do
		read -r -t 0.01 <>"$T/none.fifo" || true
	done
	check "it goes on" test "$(grep -c 'so far' "$T/caller.out")" -ge $((heard + 2))
}
mkfifo "$T/none.fifo"
on gamma sh -c 'cat >caller && chmod +x caller' <"$BIN/tests/converses"
on alpha "$BIN/tests/converses" listen 0.0.0.0:7001 quick >"$T/listens.out" 2>&1 &
listens=$!
await "$T/listens.out" ready
on gamma ./caller call alpha:7001 >"$T/caller.out" 2>&1 &
goes_on
hosts exec gamma kill -USR1 "$(pids_on gamma caller)" # for twice as long as its host may be silent
goes_on
check "a peer that is busy is not lost" test "$(grep -c ^connection "$T/caller.out")" = 1
t hosts hole gamma
perl -e 'select undef, undef, undef, 4'
check "nobody is given up" test "$(cat "$T/listens.out")" = ready
t hosts unhole gamma
goes_on
check "one that is back in time goes on, over another connection" grep -q '^connection 2' "$T/caller.out"
t hosts hole gamma
await "$T/listens.out" 'a conversation has failed: it has not come back'
status=0
wait $listens || status=$?
check "one that is not is given up" test $status = 1
t hosts unhole gamma
hosts exec gamma kill -KILL "$(pids_on gamma caller)"
