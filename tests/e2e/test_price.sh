#!/bin/bash
# shellcheck source=lib.sh
# What a plan says a move will cost is what it costs, over a link of a known width: what goes ahead freezes nobody, what was shipped is not shipped
# again, and memory that came along in an image counts as much on the way back.
. "$(dirname "$0")/lib.sh"
hosts_begin
on alpha sh -c 'mkdir ~/data && head -c 6000000 /dev/urandom >~/data/set'
home=$(on alpha sh -c 'echo ~')
t hosts rate beta 100mbit
start alpha weighs "$BIN/tests/weighs" 12 "$home/data/set"
await "$T/weighs.out" '^20 '

# costs HOST: the plan for there, then the move, held against each other.
costs() {
	pmig_on alpha plan --json weighs "$1" >"$T/plan" || fail "no plan for $1"
	pmig_on alpha move --json weighs "$1" >"$T/move" || fail "no move to $1"
	check "the steps that stopped it are timed: $(jq -c '.steps | map_values(round)' "$T/move")" jq -e \
		'.stopped_ms as $was | .steps | has("plan") and has("prepare") and has("freeze") and
		([.ship, .restore, .promise, .claim, .activate] | all(. > 0) and add <= $was + 2)' "$T/move"
	check "to $1: $(jq '.total.seconds_frozen * 1000 | floor' "$T/plan") ms frozen were planned, $(jq .stopped_ms "$T/move") it was" jq -e \
		--slurpfile move "$T/move" '$move[0].stopped_ms as $was | .total.seconds_frozen * 1000 | . > $was / 2 and . < $was * 2' "$T/plan"
	agreed weighs
}
set_price() { jq -c '.resources[] | select(.name | endswith("/set")) | .price | [.bytes, (.seconds_before > 0.1), .seconds_frozen]' "$T/plan"; }

costs beta
check "the data goes ahead" test "$(set_price)" = '[6000000,true,0]'
check "the image's bytes are those that were sent" jq -e --slurpfile move "$T/move" '.facts.image_bytes.value as $b | ($move[0].bytes - $b) |
	fabs < $b / 10' "$T/plan"
costs home
check "the data is there already" test "$(set_price)" = '[0,false,0]'
check "an image counts as before" jq -e '.facts.image_bytes.value > 12000000' "$T/plan"
expect 3 pmig_on alpha move --max-frozen 200ms weighs beta
says 'move refused: the image of weighs would keep it frozen for .*, the limit is 200 ms \(--max-frozen\)'
expect 3 pmig_on alpha move --max-transfer 5MB weighs beta
says 'move refused: image and program of weighs have 1[23] MB, the limit is 5 MB \(--max-transfer\)'
pmig_on alpha plan --json weighs beta >"$T/plan"
check "a second time the data is there, whatever it is called" test "$(set_price)" = '[0,false,0]'
t pmig_on alpha kill -KILL weighs
wait || true
