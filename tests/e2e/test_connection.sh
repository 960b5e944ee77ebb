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
tail -c 1000000 "$T/bytes" >&"$feed"
exec {feed}>&-
wait $client
same "$T/bytes" "$T/back"
ended_with links 0
cat "$T/links.out"
