#!/bin/bash
# shellcheck source=lib.sh
# gdb: functions, lines, arguments and locals of a program that pmig-cc built, of one that was restored in another process, and
# in its core file; with tools/gdb/pmig.py also the callers that wait.
. "$(dirname "$0")/lib.sh"
command -v gdb >/dev/null || skip "gdb is not installed"

SOURCE=$PMIG_SOURCE/tests/programs/crashes.c
FILTER=$PMIG_SOURCE/tools/gdb/pmig.py
line_of() { grep -n -- "$1" "$SOURCE" | cut -d: -f1 | head -n 1; }
LEAF=$(line_of 'abort()') CALL=$(line_of 'sum += leaf') INNER=$(line_of 'sum = middle') MAIN=$(line_of 'sum += middle')

# debug WORDS...: gdb without anybody's settings; what it says in $T/gdb.
debug() {
	timeout 60 gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'set width 0' -ex 'handle SIGURG nostop noprint' "$@" \
		</dev/null >"$T/gdb" 2>&1 || true
}
shown() {
	grep -qE -- "$1" "$T/gdb" || { cat "$T/gdb" >&2 && fail "gdb does not show '$1'"; }
	echo "ok - $(grep -m1 -oE -- "$1" "$T/gdb")"
}

# The program's functions and lines in the first backtrace, in this order. Frames that wait have the number of the driver's.
stack() {
	awk '/^#[0-9]+ / { n = substr($1, 2) + 0; if (n < last) exit; last = n } /resume_drive/ { exit } /^#/ || (last != "" && /^[a-z_]+ \(/)' "$T/gdb" |
		sed -nE 's/^(#[0-9]+ +)?(0x[0-9a-f]+ in )?([a-z_]+) \(.*\) at .*crashes\.c:([0-9]+)$/\3:\4/p' >"$T/stack"
	printf '%s\n' "$@" | cmp - "$T/stack" || { cat "$T/gdb" >&2 && fail "the stack is $(tr '\n' ' ' <"$T/stack"), not $*"; }
	echo "ok - the stack: $*"
}
STACK=("leaf:$LEAF" "middle:$CALL" "middle:$INNER" "middle:$INNER" "main:$MAIN")

for level in 0 2; do
	t "$BIN/pmig-cc" -g -O$level "$SOURCE" -o "$T/crashes"
	cd "$T"

	# as it was started
	debug -ex 'run 9' -ex bt -ex 'frame function middle' -ex 'print item' ./crashes
	stack "${STACK[@]}"
	shown 'leaf \(n=9'
	shown 'middle \(depth=8'
	shown 'main \(argc='
	shown '^\$1 = \{number = 10, name = 0x[0-9a-f]* "a word"\}'

	# restored just before it aborts: the innermost function is its own, its caller the resume clone, the others wait
	PMIG_EVERY=19 PMIG_EVERY_IMAGE=$T/image debug -x "$FILTER" -ex 'set follow-exec-mode same' -ex 'run 9' -ex bt -ex 'frame function middle' \
		-ex 'print item' -ex kill ./crashes
	shown 'libraries lie where they were' # what a restored process says where gdb turns off the random addresses
	stack "${STACK[@]}"
	shown 'leaf \(n=9'
	shown '^\$1 = \{number = 10, name = 0x[0-9a-f]* "a word"\}'

	# what it leaves behind
	rm -f core*
	(ulimit -c unlimited && PMIG_EVERY=19 PMIG_EVERY_IMAGE=$T/image exec ./crashes 9 2>/dev/null) || true
	core=$(find . -name 'core*' -size +0)
	if [ -z "$core" ]; then
		echo "skipped: no core file, $(cat /proc/sys/kernel/core_pattern) gets it"
		continue
	fi
	debug -x "$FILTER" -ex bt -ex 'print total' ./crashes "$core"
	stack "${STACK[@]}"
	shown '^\$1 = [0-9]+'
	debug -ex bt ./crashes "$core" # without the filter: what is on the native stack
	stack "leaf:$LEAF" "middle:$CALL"
done
