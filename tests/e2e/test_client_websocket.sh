#!/bin/bash
# shellcheck source=lib.sh source=clients.sh
# A WebSocket client as it is (python3-websockets): messages of all sizes without pause and pings, while the server makes ten moves; each comes back, in
# order, and the handshake of the end is an ordinary one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/clients.sh"
clients_begin
on gamma /usr/bin/python3 -c 'import websockets' 2>"$T/none" || skip "no python3-websockets"
resets_begin 7020

start alpha websocket "$BIN/tests/websocket" 7020
await "$T/websocket.out" ready
mkfifo "$T/stop"
on gamma sh -c 'cat >talk.py' <"$LIB_DIR/websocket.py"
on gamma /usr/bin/python3 talk.py ws://alpha:7020/ <"$T/stop" >"$T/websocket.came" 2>"$T/talk.err" &
client=$!
exec {stop}>"$T/stop"
await "$T/websocket.came" 'so far [1-9]'
ten_moves websocket 7020
echo stop >&"$stop"
t wait $client
check "$(tail -n 1 "$T/websocket.came")" grep -q 'closed by both with 1000;' "$T/websocket.came"
gap websocket
no_reset 7020
t pmig_on alpha kill websocket
