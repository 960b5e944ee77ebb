#!/bin/bash
# shellcheck source=lib.sh
# A move that is given up after the source had promised leaves nothing behind that refuses the next one: the source goes on with an epoch
# above the one that was barred, and whoever drives knows of it.
. "$(dirname "$0")/lib.sh"
PMIG=$BIN/pmig
export PMIG_STATE=$T/home
PMIG_FAULT=commit:promised=fail timeout 60 "$PMIG" run --name w -- "$BIN/tests/witness" "$T/record" "$T/enough" >"$T/out" 2>"$T/err" </dev/null &
runner=$!
at_end 'touch "$T/enough"; wait $runner'
await "$T/out" '^2$'
expect 5 timeout 30 "$PMIG" move w "local:$T/away"
check "it goes on here, with another epoch" test "$("$PMIG" registry --json owners w | jq -r '.[0].epoch')" -eq 3
check "the next move is done" timeout 30 "$PMIG" move w "local:$T/away"
touch "$T/enough"
check "it ends well" wait $runner
check "each step is there once" cmp <(seq 0 "$(tail -n 1 "$T/out")") "$T/out"
