#!/bin/bash
# shellcheck source=lib.sh
# Who reads the program's output ends: the program is told as by any pipe, with SIGPIPE, also at another host.
. "$(dirname "$0")/lib.sh"
hosts_begin

# run_into NAME READER...: the program's output goes to READER; NAME.status is the program's end.
run_into() {
	local name=$1
	shift
	(
		set +e
		on alpha "$BIN/pmig" run --name "$name" -- "$BIN/tests/counts" </dev/null 2>"$T/$name.err" | "$@" >"$T/$name.out"
		echo "status ${PIPESTATUS[0]}" >"$T/$name.status"
	) &
}

run_into near head -n 2
await "$T/near.status" '^status 141$'
printf '0\n1\n' >"$T/want"
same "$T/near.out" "$T/want"

mkfifo "$T/enough"
run_into far bash -c 'read -r first; echo "$first"; exec <"$0"' "$T/enough"
await "$T/far.out" '^0$'
t pmig_on alpha move far beta
check "it runs at beta" host_runs beta counts
: >"$T/enough" # the reader lets go of the pipe
await "$T/far.status" '^status 141$'
check "none is left" test -z "$(pids_on alpha counts)$(pids_on beta counts)"
