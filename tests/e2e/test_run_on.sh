#!/bin/bash
# shellcheck source=lib.sh
# `pmig run --on HOST`: the program is brought there, runs there from its first instruction, and everything else is as at home: its
# output, its input, its exit status; home knows where it is, and it can come home.
. "$(dirname "$0")/lib.sh"
hosts_begin

QUEENS=$BIN/samples/queens
"$QUEENS" 14 >"$T/undisturbed"
state_of() { pmig_on alpha ps -a --json | jq -r --arg name "$1" '.[] | select(.name == $name) | .state'; }

check "beta does not have the program" on beta test ! -e "$QUEENS"
run_on() { # HOST NAME PROGRAM...
	local host=$1 name=$2
	shift 2
	(
		status=0
		on alpha "$BIN/pmig" run --on "$host" --name "$name" -- "$@" <"${INPUT:-/dev/null}" >"$T/$name.out" 2>"$T/$name.err" ||
			status=$?
		echo "status $status" >"$T/$name.status"
	) &
}

run_on beta queens "$QUEENS" 14
await "$T/queens.out" 'row 0, column  0'
check "it runs on beta" host_runs beta queens
check "it does not run on alpha" test -z "$(pids_on alpha queens)"
check "ps knows where it is" test "$(pmig_on alpha ps --json | jq -r '.[] | select(.name == "queens") | .host')" = beta
t pmig_on alpha move queens gamma
t pmig_on alpha move queens home
check "it runs at home" host_runs alpha queens
ended_with queens 0
same "$T/queens.out" "$T/undisturbed"
check "standard error is empty" test ! -s "$T/queens.err"

# Its input goes there, its exit status comes back, and home knows of both ends.
printf 'first\nsecond\n' >"$T/lines"
INPUT=$T/lines run_on beta echo "$BIN/tests/echo"
ended_with echo 2
printf '1 first\n2 second\n' >"$T/echo.want"
same "$T/echo.out" "$T/echo.want"
check "home knows of its end" test "$(state_of echo)" = ended

# A library that is not there is brought as well.
run_on beta picture "$BIN/samples/raytrace" /tmp/picture.png 64 48
ended_with picture 0
check "it was rendered on beta" grep -q 'as rendered' "$T/picture.out"
t on beta test -s /tmp/picture.png

# Its supervisor is killed, and it goes on: another one finds it by its name alone.
run_on beta far "$QUEENS" 16
await "$T/far.out" 'row 0, column  0'
for pid in $(pids_on alpha pmig); do hosts exec alpha kill -KILL "$pid"; done
await "$T/far.status" '^status 137'
(
	status=0
	on alpha "$BIN/pmig" attach far </dev/null >"$T/attach.out" 2>"$T/attach.err" || status=$?
	echo "status $status" >"$T/attach.status"
) &
await "$T/attach.out" 'row 1'
t pmig_on alpha kill -KILL far
ended_with attach 137

# What cannot be started leaves nothing: neither a host that is not there nor a program that is none.
expect 125 pmig_on alpha run --on nowhere --name lost -- "$QUEENS" 4
check "home forgets what never ran" test -z "$(state_of lost)"
expect 127 pmig_on alpha run --on beta -- "$T/no-such-program"

for host in alpha beta gamma; do nothing_on $host; done
