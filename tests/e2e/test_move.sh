#!/bin/bash
# shellcheck source=lib.sh
# A running program goes alpha, beta, gamma, alpha; its output has no gap and no repetition, its result is that of an
# undisturbed run, its exit status reaches the first shell, its input follows it, and nothing is left behind.
. "$(dirname "$0")/lib.sh"
hosts_begin

QUEENS=$BIN/samples/queens
"$QUEENS" 14 >"$T/undisturbed"

lines() { wc -l <"$T/$1.out"; }

start alpha queens "$QUEENS" 14
await "$T/queens.out" 'row 0, column  0'
before=$(lines queens)
for host in beta gamma alpha; do
	t pmig_on alpha move queens $host
	check "it runs on $host" host_runs $host queens
	for other in alpha beta gamma; do
		[ $other = $host ] || check "it does not run on $other" test -z "$(pids_on $other queens)"
	done
done
pmig_on alpha ps --json >"$T/ps"
check "ps knows where it is" test "$(jq -r '.[0].host, .[0].epoch' "$T/ps" | tr '\n' ' ')" = "alpha 4 "
ended_with queens 0
check "it had begun before, and went on after the moves: $before of $(lines queens) lines" test "$(lines queens)" -gt "$before"
same "$T/queens.out" "$T/undisturbed"
check "standard error is empty" test ! -s "$T/queens.err"

# What was typed ahead is read where the program is then.
mkfifo "$T/input"
INPUT=$T/input start alpha echo "$BIN/tests/echo"
exec 7>"$T/input"
echo first >&7
await "$T/echo.out" '^1 first'
t pmig_on alpha move echo beta
echo second >&7
await "$T/echo.out" '^2 second'
t pmig_on alpha move echo home
printf 'third\nwithout end' >&7
exec 7>&-
ended_with echo 3
printf '1 first\n2 second\n3 third\n4 without end\n' >"$T/echo.want"
same "$T/echo.out" "$T/echo.want"

# Its end is told as at home, wherever it came.
start alpha far "$QUEENS" 16
await "$T/far.out" 'row 1, column  2'
t pmig_on alpha move far gamma
t pmig_on alpha kill -KILL far
ended_with far 137
pmig_on alpha ps -a --json >"$T/ps"
check "home knows of its end" test "$(jq -r '.[] | select(.name == "far") | .state' "$T/ps")" = ended

# Killed by its user before the hand-over is settled: nobody wants its image.
start alpha near "$QUEENS" 16
await "$T/near.out" 'row 1, column  2'
t on alpha sh -c '"$0" move near beta && "$0" kill near' "$BIN/pmig"
ended_with near 143

# Nothing stays: no agent, no image, no spool.
for host in alpha beta gamma; do nothing_on $host; done
