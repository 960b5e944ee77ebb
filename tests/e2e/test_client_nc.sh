#!/bin/bash
# shellcheck source=lib.sh source=clients.sh
# nc as it is: a stream that is echoed without pause while the program makes ten moves.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/clients.sh"
clients_begin
resets_begin 7000

start alpha links "$BIN/tests/links" accept 7000 1
await "$T/links.out" ready
feed_begin tcp
feed tcp | on gamma nc -N alpha 7000 | sink tcp &
client=$!
await "$T/tcp.came" 'so far [1-9]'
ten_moves links 7000
feed_over tcp
feed_end tcp
t wait $client
whole tcp
gap tcp
ended_with links 0
check "the program saw an end" grep -qE '^0 over: [0-9]+ bytes, end' "$T/links.out"
no_reset 7000
