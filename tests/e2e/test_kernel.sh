#!/bin/bash
# shellcheck source=lib.sh
# What the kernel holds for a program goes along, alpha -> beta -> gamma -> alpha: signals (handlers, masks, what waits with its values,
# alternate stacks, timers), and what can be waited for (eventfds, timerfds, signalfds, epoll sets, pipes and pairs of sockets).
. "$(dirname "$0")/lib.sh"
hosts_begin

mkfifo "$T/signals.in" "$T/waits.in"
exec {signals}<>"$T/signals.in" {waits}<>"$T/waits.in"
INPUT=$T/signals.in start alpha signals "$BIN/tests/signals"
INPUT=$T/waits.in start alpha waits "$BIN/tests/waits"
round() {
	echo go >&"$signals"
	echo go >&"$waits"
	await "$T/signals.out" "^round $1 at $2\$"
	await "$T/waits.out" "^round $1 at $2\$"
}
round 0 alpha
n=1
for host in beta gamma alpha beta; do
	t pmig_on alpha move signals $host
	t pmig_on alpha move waits $host
	round $n $host
	n=$((n + 1))
done
echo end >&"$signals"
echo end >&"$waits"
ended_with signals 0
ended_with waits 0
check "nothing was other than it was" test ! -s "$T/signals.err" -a ! -s "$T/waits.err"
