#!/bin/bash
# shellcheck source=lib.sh
# samples/webcounter, as any compiler makes it and as pmig-cc does: its page, its numbers one by one on a connection that stays, several requests on
# one connection, and what it does not know.
. "$(dirname "$0")/lib.sh"
free_port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'; }

# undisturbed PROGRAM
undisturbed() {
	local name=$1 port server events url
	port=$(free_port) url=http://127.0.0.1:$port
	"$BIN/samples/$name" "$port" 20 >"$T/$name.out" &
	server=$!
	await "$T/$name.out" ready
	curl -sN "$url/events" >"$T/$name.events" &
	events=$!
	check "$name: the page" grep -q EventSource <(curl -s "$url/")
	check "$name: where it is" test "$(curl -s "$url/count" | jq -r .host)" = "$(hostname)"
	check "$name: two requests, one connection" test "$(curl -sw '%{num_connects} ' -o "$T/a" -o "$T/b" "$url/count" "$url/")" = '1 0 '
	check "$name: no such page" test "$(curl -so "$T/c" -w '%{http_code}' "$url/nowhere")" = 404
	check "$name: nothing but GET" test "$(curl -so "$T/c" -w '%{http_code}' -d x "$url/")" = 405
	await "$T/$name.events" '"count": 100,'
	kill $events
	kill -TERM $server
	check "$name ends" wait $server
	check "$name: no number is missing" test -z "$(sed -n 's/^data: //p' "$T/$name.events" | jq .count | awk 'NR > 1 && $1 != last + 1; { last = $1 }')"
}
for program in webcounter-plain webcounter; do undisturbed $program; done
