#!/bin/bash
# shellcheck source=lib.sh source=clients.sh
# wrk as it is: requests without pause on sixteen connections that stay, and on new ones for each request, while the server makes ten moves. No connection
# is refused, reset, broken or too late, and all hosts have answered.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/clients.sh"
clients_begin
command -v wrk >"$T/none" || skip "no wrk"
URL=http://alpha:7040

start alpha web "$BIN/tests/web" 7040
await "$T/web.out" ready
# ... until SIGINT, after which it says what it has seen.
on gamma wrk -t 1 -c 16 -d 300 --timeout 10 --latency $URL/host >"$T/kept" &
kept=$!
on gamma wrk -t 1 -c 2 -d 300 --timeout 10 --latency -H 'Connection: close' $URL/host >"$T/new" &
new=$!
moved() {
	local i
	for ((i = 0; i < 200; i++)); do
		on gamma curl -sS $URL/served >"$T/served.$1"
		[ "$(awk -v host="$1" '$1 == host { print $2 }' "$T/served.$1")" -lt $((${SERVED[$1]:-0} + 200)) ] || break
	done
	SERVED[$1]=$(awk -v host="$1" '$1 == host { print $2 }' "$T/served.$1")
}
declare -A SERVED
moved alpha
for host in beta gamma alpha beta gamma alpha beta gamma beta alpha; do
	t pmig_on alpha move web $host
	moved $host
done
for pid in $(pids_on gamma wrk); do hosts exec gamma kill -INT "$pid"; done
t wait $kept
t wait $new
# requests FILE WORDS
requests() {
	check "$2: $(grep -o '[0-9]* requests in [^,]*' "$T/$1"), the slowest in $(awk '$1 == "Latency" { print $4 }' "$T/$1"), no socket error" \
		test -z "$(grep -E 'Socket errors|Non-2xx' "$T/$1" || true)"
	check "some of them" awk '/requests in/ { exit !($1 > 1000) }' "$T/$1"
}
requests kept "connections that stay"
requests new "new connections"
for host in alpha beta gamma; do check "$host has answered ${SERVED[$host]} of them" test "${SERVED[$host]}" -gt 0; done
t pmig_on alpha kill web
