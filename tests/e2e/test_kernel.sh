#!/bin/bash
# shellcheck source=lib.sh
# What the kernel holds for a program goes along, alpha -> beta -> gamma -> alpha: signals (handlers, masks, what waits with its values,
# alternate stacks, timers), what can be waited for (eventfds, timerfds, signalfds, epoll sets, pipes and pairs of sockets), and limits,
# priority and umask. First by themselves, at every safe point.
. "$(dirname "$0")/lib.sh"

for program in signals waits limits children; do
	for k in 1 3; do
		PMIG_EVERY=$k PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count timeout 60 "$BIN/tests/$program" 2 >"$T/got" 2>"$T/err" ||
			fail "$program at every $k: $(cat "$T/err")"
		check "$program at every $k: $(cat "$T/count") restores" test ! -s "$T/err" -a "$(cat "$T/got")" = "round 0
round 1"
	done
done

hosts_begin
mkfifo "$T/signals.in" "$T/waits.in" "$T/limits.in"
exec {signals}<>"$T/signals.in" {waits}<>"$T/waits.in" {limits}<>"$T/limits.in"
INPUT=$T/signals.in start alpha signals "$BIN/tests/signals"
INPUT=$T/waits.in start alpha waits "$BIN/tests/waits"
INPUT=$T/limits.in start alpha limits "$BIN/tests/limits"
round() {
	echo go >&"$signals"
	echo go >&"$waits"
	echo go >&"$limits"
	await "$T/signals.out" "^round $1 at $2\$"
	await "$T/waits.out" "^round $1 at $2\$"
	await "$T/limits.out" "^round $1 at $2\$"
}
round 0 alpha
n=1
for host in beta gamma alpha; do
	t pmig_on alpha move signals $host
	t pmig_on alpha move waits $host
	t pmig_on alpha move limits $host
	round $n $host
	n=$((n + 1))
done
echo end >&"$signals"
echo end >&"$waits"
echo end >&"$limits"
ended_with signals 0
ended_with waits 0
ended_with limits 0
check "nothing was other than it was" test ! -s "$T/signals.err" -a ! -s "$T/waits.err" -a ! -s "$T/limits.err"

# What a host would not grant is told in the plan: less of a limit, a priority. Nothing is said where it grants all.
mkfifo "$T/less.in"
exec {less}<>"$T/less.in"
INPUT=$T/less.in start alpha less "$BIN/tests/limits"
echo go >&"$less"
await "$T/less.out" '^round 0 at alpha$'
warns() { pmig_on alpha plan --json less beta | jq -r .less; }
check "beta grants all" test "$(warns)" = null
for pid in $(pids_on beta sshd); do # a session may have ended meanwhile
	hosts exec beta prlimit --pid "$pid" --cpu=3000:3000 2>"$T/stderr" || t hosts exec beta test ! -e "/proc/$pid"
done
pid=$(pids_on alpha limits)
t hosts exec alpha renice -n -5 -p "$pid"
echo "# $(warns)"
check "less processor time, and no such priority" test "$(warns)" = "processor time 3000 instead of 4000, no nice value of -5"
pmig_on alpha plan less beta >"$T/plan"
check "in words" grep -q 'warning: beta does not grant all that less has: processor time 3000 instead of 4000' "$T/plan"
t hosts exec alpha renice -n 7 -p "$pid"
check "that priority is granted" test "$(warns)" = "processor time 3000 instead of 4000"
expect 0 pmig_on alpha move less beta
says '^warning: it has not all that it had: processor time 3000 instead of 4000$'
expect 0 pmig_on alpha move less gamma
check "nothing is said where all is granted" test "$(grep -c warning "$T/stderr")" = 0
echo end >&"$less"
ended_with less 0
