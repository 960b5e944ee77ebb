#!/bin/bash
# shellcheck source=lib.sh
# Many connections at once, which never stop, over ten moves: every byte is compared both ways, no connection ends or is reset, and the longest
# time that any of them heard nothing is told. First those that the program accepted, then some that it made, and unix sockets.
. "$(dirname "$0")/lib.sh"
hosts_begin
TALK=$(cat "$LIB_DIR/talk.pl")

# talks NAME HOST WHERE N: unmodified peers of the program NAME, until told to stop
talks() {
	mkfifo "$T/$1.in"
	on "$2" perl -e "$TALK" "$3" "$4" <"$T/$1.in" >"$T/$1.talk" 2>&1 &
	talking=$!
	exec {feed}>"$T/$1.in"
}
# done_talking NAME N
done_talking() {
	echo stop >&"$feed"
	exec {feed}>&-
	wait "$talking" || fail "$(cat "$T/$1.talk")"
	check "$(tail -n 1 "$T/$1.talk")" test "$(sed -n 's/.*longest gap \([0-9]*\) ms/\1/p' "$T/$1.talk")" -lt 5000
	ended_with "$1" 0
	check "$2 of them ended in the ordinary way" test "$(grep -c ' over: [0-9]* bytes, end' "$T/$1.out")" -eq "$2"
}

MANY=${MANY:-200}
start alpha many "$BIN/tests/links" accept 7000 "$MANY"
await "$T/many.out" ready
talks many gamma alpha:7000 "$MANY"
await "$T/many.out" all
for host in beta gamma alpha gamma beta alpha beta gamma beta alpha; do
	t pmig_on alpha move many $host
	check "all of them talk" test "$(grep -c connected "$T/many.talk")" = "$(wc -l <"$T/many.talk")"
done
done_talking many "$MANY"

talks made gamma listen:7001 8
await "$T/made.talk" listening
start alpha made "$BIN/tests/links" connect gamma:7001 8
await "$T/made.talk" connected
for host in beta gamma alpha; do
	t pmig_on alpha move made $host
done
done_talking made 8

start alpha unix "$BIN/tests/links" unix /tmp/links.socket 8
await "$T/unix.out" ready
talks unix alpha /tmp/links.socket 8
await "$T/unix.out" all
for host in beta gamma alpha; do
	t pmig_on alpha move unix $host
done
done_talking unix 8
