#!/bin/bash
# shellcheck source=lib.sh
# A program that is busy with something else, or can never be moved: each is told in one sentence that says with what, and nothing has changed.
. "$(dirname "$0")/lib.sh"
hosts_begin

# refused PATTERN VERB...: by the verb itself, before anything is done.
refused() {
	local pattern=$1
	shift
	expect 3 pmig_on alpha "$@"
	says "$pattern"
	check "it says one thing" test "$(wc -l <"$T/stderr")" -eq 1
}

# One that comes to no safe point is being moved until the time is up: it is not moved, saved or planned for twice.
mkfifo "$T/input"
exec 7<>"$T/input"
INPUT=$T/input start alpha deaf "$BIN/tests/asked" deaf
await "$T/deaf.out" '^begun$'
refused 'deaf runs on alpha already' move deaf alpha
pmig_on alpha move --timeout 8 deaf beta 2>"$T/first" &
first=$!
await "$T/deaf.out" '^asked$'
refused 'deaf is being moved, or its move planned, already' move deaf gamma
refused 'deaf is being moved, or its move planned, already' plan deaf gamma
refused 'deaf is being saved or moved already' checkpoint deaf -o image
status=0
wait $first || status=$?
check "the first move went on, and says what came of it" grep -q 'deaf did not reach a safe point' "$T/first"
echo >&7
ended_with deaf 0

# One that has only just begun, behind a script, is waited for.
INPUT=$T/input start alpha late sh -c "echo there; read -r _; exec $BIN/samples/queens 16"
await "$T/late.out" '^there$'
expect 124 on alpha timeout 1 "$BIN/pmig" plan late beta
echo >&7
t pmig_on alpha move late beta
t pmig_on alpha kill -KILL late
await "$T/late.status" '^status'

# One that pmig-cc did not build runs, and stays where it is.
INPUT=$T/input start alpha plain cat
echo there >&7
await "$T/plain.out" '^there$'
refused 'plain was not built with pmig-cc, or has only just begun.*: it cannot move now' move plain beta
refused 'plain was not built with pmig-cc, or has only just begun.*: it cannot be saved or moved now' checkpoint plain -o image
t pmig_on alpha kill plain
await "$T/plain.status" '^status'
nothing_on beta
