#!/bin/bash
# shellcheck source=lib.sh source=clients.sh
# openssl s_client as it is, over a program that hands on what it accepts to a TLS server: numbered lines without pause, both ways, while the program
# makes ten moves. Each record is authenticated by both ends; the program knows nothing of that.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/clients.sh"
clients_begin
command -v openssl >"$T/none" && command -v socat >"$T/none" || skip "no openssl, or no socat"
resets_begin 7050

on alpha openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=alpha -keyout key -out cert 2>"$T/req"
on alpha socat -d -d OPENSSL-LISTEN:7051,reuseaddr,cert=cert,key=key,verify=0 EXEC:cat 2>"$T/socat" &
await "$T/socat" listening
on gamma sh -c 'cat >cert' < <(on alpha cat cert)
start alpha passes "$BIN/tests/passes" 7050 127.0.0.1:7051 1
await "$T/passes.out" ready
feed_begin tls
feed tls 'and that is all.\n' | on gamma openssl s_client -quiet -no_ign_eof -verify_return_error -CAfile cert -connect alpha:7050 2>"$T/client.err" | sink tls &
client=$!
await "$T/tls.came" 'so far [1-9]'
ten_moves passes 7050
feed_over tls
whole tls
gap tls
feed_end tls
t wait $client
ended_with passes 0
check "each byte was handed on once: $(tail -n 1 "$T/passes.out")" grep -q '^over: ' "$T/passes.out"
no_reset 7050
