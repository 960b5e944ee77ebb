#!/bin/bash
# Random C programs continue in fresh processes as if nothing had happened: over 200, on both processors.
. "$(dirname "$0")/lib.sh"
command -v csmith >/dev/null || skip "csmith is not installed"

pieces=(1-60 61-120 121-180 181-240)
printf '%s\n' "${pieces[@]}" | xargs -P 2 -I{} bash -c '
	range={}; "$PMIG_SOURCE/tests/csmith.sh" "${range%-*}" "${range#*-}" "$T/$range" >"$T/$range.log" 2>&1 || echo "$range" >>"$T/failed"'
cat "$T"/*.log
[ ! -e "$T/failed" ] || fail "csmith: seeds $(tr '\n' ' ' <"$T/failed")"
programs=$(sed -n 's/^csmith: \([0-9]*\) programs.*/\1/p' "$T"/*.log | paste -sd+ | bc)
check "$programs programs are at least 200" test "$programs" -ge 200
