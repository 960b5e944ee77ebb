#!/bin/bash
# shellcheck source=lib.sh
# Two programs that talk to each other (<pmig/pmig_peer.h>) and both move, at the same moment, to and fro: each byte is checked both ways.
. "$(dirname "$0")/lib.sh"
hosts_begin 'SEES=alpha gamma'

A=10.77.0.11
CONVERSES=$BIN/tests/converses
start alpha left "$CONVERSES" listen 0.0.0.0:7002
await "$T/left.out" ready
start gamma right "$CONVERSES" call $A:7002
await "$T/right.out" '^connection'
# both HOST HOST: the one that listens, the one that calls
both() {
	local epoch=$((++HOPS + 1)) one two
	pmig_on alpha move left "$1" >"$T/move.left" 2>&1 &
	one=$!
	on gamma "$BIN/pmig" move right "$2" >"$T/move.right" 2>&1 &
	two=$!
	check "left goes to $1" wait $one
	check "right goes to $2" wait $two
	await "$T/right.out" "^connection [0-9]+ to 10.77.0.$((11 + $3)):[0-9]+, epoch $epoch"
}
HOPS=0
both beta alpha 1
both gamma beta 2
both home home 0
t pmig_on gamma kill right
ended_with right 0
check "right: $(tail -n 1 "$T/right.out")" grep -qE '^[0-9]{4,} bytes each way, each once' "$T/right.out"
t pmig_on alpha kill left
ended_with left 0
