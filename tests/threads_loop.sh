#!/bin/bash
# shellcheck source=e2e/lib.sh
# threads_loop.sh [MOVES [PROGRAM...]]: programs with threads, by default samples/workqueue and samples/pipeline, move MOVES times from host to host
# (alpha, beta, alpha, ...) and go on as if nothing had happened: they check themselves, and between two moves each must have got
# on. Needs root, as all that moves between hosts. The last line of each counts.
#
#   tests/threads_loop.sh 1000      what is demanded of a release
#   tests/threads_loop.sh 6         what the test suite does, in e2e/test_threads.sh
. "$(dirname "${BASH_SOURCE[0]}")/e2e/lib.sh"
MOVES=${1:-1000}
shift || true
[ $# -gt 0 ] || set -- workqueue pipeline
hosts_begin

# got_on NAME: until it has printed something more.
got_on() {
	local from
	from=$(($(stat -c %s "$T/$1.out") + 1))
	timeout 60 grep -qm1 . < <(exec tail -c "+$from" -F "$T/$1.out" 2>/dev/null) ||
		fail "$1 stands still: $(cat "$T/$1.status" "$T/$1.err" 2>/dev/null)"
}

# moves NAME: there and back, MOVES times.
moves() {
	local name=$1 i host seconds began
	start alpha "$name" "$BIN/samples/$name" 0 20 # with pauses, so that all of them also wait at times
	await "$T/$name.out" wrong
	began=$(date +%s.%N)
	for ((i = 1; i <= MOVES; i++)); do
		host=$((i % 2)) && [ "$host" -eq 1 ] && host=beta || host=home
		on alpha "$BIN/pmig" move "$name" "$host" 2>"$T/$name.move" || fail "move $i of $name to $host: $(cat "$T/$name.move")"
		sed -n 's/.*stopped for \([0-9.]*\) s.*/\1/p' "$T/$name.move" >>"$T/$name.stopped"
		got_on "$name"
	done
	seconds=$(echo "$(date +%s.%N) - $began" | bc)
	t on alpha "$BIN/pmig" kill "$name"
	ended_with "$name" 0
	check "$name says nothing else" test ! -s "$T/$name.err"
	check "nothing was wrong on the way" test "$(grep -c wrong "$T/$name.out")" -eq "$(grep -c ' 0 wrong' "$T/$name.out")"
	sort -g "$T/$name.stopped" | awk -v name="$name" -v moves="$MOVES" -v seconds="$seconds" -v end="$(tail -n 1 "$T/$name.out")" '{ all[NR] = $1 }
		END { printf "%s: %d moves in %.0f s, stopped for %s s (median), %s s at most; %s\n", name, moves, seconds, all[int((NR + 1) / 2)],
			all[NR], end }'
}

for program; do moves "$program"; done
