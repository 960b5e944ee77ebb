#!/bin/bash
# shellcheck source=lib.sh
# On a trusted network the bytes of a connection that stayed at its host go directly, by plain TCP: from alpha to beta, on to gamma, and home,
# in mid-stream, with every byte compared.
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
# What the program's number is there: a TCP socket, and not a unix one.
direct() { # HOST
	hosts exec "$1" ss -Htnp state established >"$T/ss.$1"
	check "at $1 the program has a TCP socket" test "$(hosts exec "$1" ss -Htnp state established | grep -c '"links"')" = "$2"
}
head -c 1000000 "$T/bytes" >&"$feed"
t pmig_on alpha move --plain-tcp links beta
direct beta 1
head -c 2000000 "$T/bytes" | tail -c 1000000 >&"$feed"
t pmig_on alpha move --plain-tcp links gamma
direct gamma 1
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
