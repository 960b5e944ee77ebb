#!/bin/bash
# shellcheck source=lib.sh
# Two hundred connections that never stop, over bad links: 25 ms and 5 % loss each way between home and the target, then a cable that is out for ten
# seconds in the middle of the hand-over, before the source has promised not to run again, and after. Every byte is compared both ways; none is lost or
# doubled, no connection ends or is reset. Takes as long as cables are out.
. "$(dirname "$0")/lib.sh"
hosts_begin
TALK=$(cat "$LIB_DIR/talk.pl")
MANY=${MANY:-200}

# begin FAULT
begin() {
	rm -f "$T"/many.* "$T/in"
	mkfifo "$T/in"
	on alpha rm -f faults
	RUN_ENV=("PMIG_FAULT=$1" "PMIG_FAULT_RECORD=/home/mig/faults")
	start alpha many "$BIN/tests/links" accept 7000 "$MANY"
	await "$T/many.out" ready
	on gamma perl -e "$TALK" alpha:7000 "$MANY" 2000 <"$T/in" >"$T/many.talk" 2>&1 &
	talking=$!
	exec {feed}>"$T/in"
	await "$T/many.out" all
}
# What has come on each of them at alpha: the client's port, and bytes.
each() { hosts exec alpha ss -HtniO 'sport = :7000' 2>"$T/ss.err" | sed -nE 's/.*:7000 +[0-9.]+:([0-9]+) .*bytes_received:([0-9]+).*/\1 \2/p'; }
# Each of them comes further than what was under way.
go_on() {
	local i
	each >"$T/each"
	for ((i = 0; i < 1000; i++)); do ! more || break; done
	check "$1: all $MANY go on" more
}
more() { each | awk -v many="$MANY" 'NR == FNR { had[$1] = $2; next } $2 >= had[$1] + 4000 { n++ } END { exit n != many }' "$T/each" -; }
over() {
	echo stop >&"$feed"
	exec {feed}>&-
	wait $talking || fail "$(cat "$T/many.talk")"
	check "$1: $(tail -n 1 "$T/many.talk")" true
	ended_with many 0
	check "$MANY of them ended in the ordinary way" test "$(grep -c ' over: [0-9]* bytes, end' "$T/many.out")" -eq "$MANY"
}
at_last() { # HOST: a hand-over that was given up is begun again
	local end=$((SECONDS + 40))
	while [ $SECONDS -lt $end ]; do
		pmig_on alpha move many "$1" >"$T/move" 2>&1 || true
		! grep -qE "runs on $1( already|:)" "$T/move" || break
	done
	check "at $1: $(cat "$T/move")" grep -qE "runs on $1( already|:)" "$T/move"
}

begin ''
t pmig_on alpha move many beta
t pmig_on alpha move many home
t hosts delay beta 25 5%
t pmig_on alpha move many beta
go_on "loss and delay"
t pmig_on alpha move many home
go_on "home over loss and delay"
t hosts delay beta off
over "loss and delay"

# out POINT: the cable of beta is out for ten seconds once the hand-over has come to that point. It is made all the same, later, or given up; if so, it is
# begun again.
FAULTS=$(hosts path alpha)/home/mig/faults
out() {
	begin "$1=delay:3000"
	pmig_on alpha move many beta >"$T/first" 2>&1 &
	local moving=$!
	await "$FAULTS" "^$1=delay"
	t hosts cut beta
	timeout 20 perl -e 'select undef, undef, undef, 10' || true
	t hosts mend beta
	wait "$moving" || true
	check "$1: $(tail -n 1 "$T/first")" awk '/^pmig move: / || / runs on beta: stopped for / && $(NF - 3) > 5 { found = 1 } END { exit !found }' "$T/first"
	at_last beta
	go_on "$1, out for ten seconds"
	t pmig_on alpha move many gamma
	over "$1"
}
out ship:half
out commit:sent
