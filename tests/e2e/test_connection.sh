#!/bin/bash
# shellcheck source=lib.sh
# A connection of a program goes on while the program moves: its peer, nc, is not changed and notices nothing. The socket stays at alpha and
# is used from beta and from gamma; at alpha it is the program's own again.
. "$(dirname "$0")/lib.sh"
hosts_begin

head -c 3000000 /dev/urandom >"$T/bytes"
start alpha links "$BIN/tests/links" accept 7000 1
await "$T/links.out" ready
mkfifo "$T/in"
on gamma nc -N alpha 7000 <"$T/in" >"$T/back" &
client=$!
exec {feed}>"$T/in"
await "$T/links.out" all
head -c 1000000 "$T/bytes" >&"$feed"
t pmig_on alpha move links beta
head -c 2000000 "$T/bytes" | tail -c 1000000 >&"$feed"
t pmig_on alpha move links gamma
head -c 2500000 "$T/bytes" | tail -c 500000 >&"$feed"
await_back() { # BYTES: have come back
	local i
	for ((i = 0; i < 2000; i++)); do [ "$(stat -c %s "$T/back")" -lt "$1" ] || return 0; done
	fail "only $(stat -c %s "$T/back") bytes came back"
}
await_back 2500000
t pmig_on alpha move links alpha
check "at alpha the program has its own socket" test "$(hosts exec alpha ss -Htnp 'sport = :7000' | grep -c '"links"')" = 1
check "nothing stays behind" test "$(pmig_on alpha references --json links)" = '[]'
tail -c 500000 "$T/bytes" >&"$feed"
exec {feed}>&-
wait $client
same "$T/bytes" "$T/back"
ended_with links 0
check "3000000 bytes, and an end as any other" grep -q '^0 over: 3000000 bytes, end$' "$T/links.out"
for host in alpha beta gamma; do nothing_on $host; done
