#!/bin/bash
# shellcheck source=lib.sh source=clients.sh
# curl as it is, at once: a body that comes without end and one that goes, server-sent events, and thousands of requests on one connection, while the
# server makes ten moves.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/clients.sh"
clients_begin
command -v curl >"$T/none" || skip "no curl"
resets_begin 7030
URL=http://alpha:7030

start alpha web "$BIN/tests/web" 7030
await "$T/web.out" ready
on gamma curl -sSN $URL/lines 2>"$T/down.err" | sink down 40 &
down=$!
feed_begin up
feed up | on gamma curl -sSN -T - $URL/lines >"$T/up.out" 2>"$T/up.err" &
up=$!
on gamma curl -sSN $URL/events >"$T/events" 2>"$T/events.err" &
events=$!
# One process, one connection; it is asked more than it will have the time for.
on gamma curl -sS -w '%{http_code} %{num_connects}\n' "$URL/host?[1-1000000]" >"$T/kept" 2>"$T/kept.err" &
kept=$!
await "$T/down.came" 'so far [1-9]'
await "$T/events" 'data: 9 alpha'
await "$T/kept" '^alpha 9'
goes_on() {
	local number
	number=$(grep -c data: "$T/events" || true)
	await "$T/events" "^data: [0-9]+ $1"
	await "$T/events" "^data: $((number + 3)) $1"
	check "at $1 a new client is answered" test "$(on gamma curl -sS $URL/host)" = "$1 1"
}
ten_moves web 7030 goes_on
feed_over up
feed_end up
t wait $up
check "curl -T: $(cat "$T/up.out") arrived" test "$(cat "$T/up.out")" = "$(cat "$T/up.fed")"
check "enough" test "$(on gamma curl -sS $URL/enough)" = "alpha 1"
t wait $down
await "$T/down.came" 'longest gap'
check "a body without end: $(tail -n 1 "$T/down.came")" grep -q 'lines, then the end' "$T/down.came"
gap down
t wait $events
check "events: $(grep -c data: "$T/events"), none missing or twice" awk '/data:/ && $2 != ++n { exit 1 }' "$T/events"
kill $kept
for host in alpha beta gamma; do check "$(grep -c "^$host" "$T/kept") requests on one connection were answered from $host" grep -q "^$host" "$T/kept"; done
# An answer and what curl says of it in turn, but for the last, which may be cut.
head -n -2 "$T/kept" >"$T/kept.whole"
check "one connection for all of them, and each was answered once" awk 'NR % 2 && $2 != ++n || NR % 2 == 0 && $0 != "200 " (NR == 2) { bad = 1 } END { exit bad }' \
	"$T/kept.whole"
check "curl had nothing to complain of" test ! -s "$T/kept.err" -a ! -s "$T/up.err" -a ! -s "$T/down.err" -a ! -s "$T/events.err"
no_reset 7030
t pmig_on alpha kill web
