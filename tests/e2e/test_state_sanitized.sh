#!/bin/bash
# shellcheck source=lib.sh source=sanitized.sh
# What libc and the kernel keep for a program, under the runtime built with the address and undefined-behaviour sanitizers: its programs
# (test_libc, test_kernel, test_children) are restored at every safe point and moved alpha -> beta -> alpha. No word of a sanitizer, and
# the output of an undisturbed run.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sanitized.sh"

# The machine's /dev is the same on all hosts: paths mean the same there.
place=/dev/pmig-sanitized.$$
mkdir -m 1777 "$place"
at_end 'rm -rf "$place"'
export PMIG_TEST_PLACE=$place

t sanitized_build
of_libc=(streams letters lists state threads)
of_kernel=(signals waits limits children)
for name in "${of_libc[@]}"; do
	source=$PMIG_SOURCE/tests/libc/$name.c ends=0
	clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include" "$source" -o "$T/$name-plain" -lm
	"$T/$name-plain" >"$T/$name.want" </dev/null || ends=$?
	echo $ends >"$T/$name.ends"
	sanitized_cc "$source" "$place/$name" -lm
	sanitized_every "$place/$name" 1 "$T/$name.want" $ends
done
printf 'round 0\nround 1\n' >"$T/rounds"
for name in "${of_kernel[@]}"; do
	sanitized_cc "$PMIG_SOURCE/tests/programs/$name.c" "$place/$name" -lm
	sanitized_every "$place/$name" 1 "$T/rounds" 0 2
done

hosts_begin
RUN_ENV=(PMIG_TEST_PLACE="$place")
# begin NAME ARGUMENT...
begin() {
	mkfifo "$T/$1.in"
	INPUT=$T/$1.in start alpha "$1" "$place/$1" "${@:2}"
	exec 7>"$T/$1.in"
}
for name in "${of_libc[@]}"; do
	begin "$name" slowly
	at=1
	for host in beta alpha; do
		await "$T/$name.err" "^step $at\$"
		t pmig_on alpha move "$name" $host
		printf '\n\n\n' >&7
		at=$((at + 3))
	done
	exec 7>&-
	ended_with "$name" "$(cat "$T/$name.ends")"
	same "$T/$name.want" "$T/$name.out"
	check "nothing but its steps is said" test "$(grep -vc '^step ' "$T/$name.err")" = 0
done
for name in "${of_kernel[@]}"; do
	begin "$name"
	n=0
	for host in beta alpha gamma; do
		echo go >&7
		await "$T/$name.out" "^round $n at"
		[ $host = gamma ] || t pmig_on alpha move "$name" $host
		n=$((n + 1))
	done
	echo end >&7
	exec 7>&-
	ended_with "$name" 0
	check "nothing is said" test ! -s "$T/$name.err"
done
