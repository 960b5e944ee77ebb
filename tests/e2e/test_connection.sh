#!/bin/bash
# shellcheck source=lib.sh source=nc.sh
# shellcheck disable=SC2154 # client and feed are nc_begin's
# A connection of a program goes on while the program moves: its peer, nc, is not changed and notices nothing. The socket stays at alpha and
# is used from beta and from gamma; at alpha it is the program's own again. WAY: an option of the moves away.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nc.sh"
hosts_begin

head -c 3000000 /dev/urandom >"$T/bytes"
nc_begin
# away HOST: by plain TCP the program's number is a TCP socket there, and not a unix one.
away() {
	t pmig_on alpha move ${WAY:+"$WAY"} links "$1"
	[ -z "${WAY:-}" ] || check "at $1 the program has a TCP socket" test "$(hosts exec "$1" ss -Htnp state established | grep -c '"links"')" = 1
}
head -c 1000000 "$T/bytes" >&"$feed"
away beta
head -c 2000000 "$T/bytes" | tail -c 1000000 >&"$feed"
away gamma
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
wait "$client"
same "$T/bytes" "$T/back"
ended_with links 0
check "3000000 bytes, and an end as any other" grep -q '^0 over: 3000000 bytes, end$' "$T/links.out"
for host in alpha beta gamma; do nothing_on $host; done
