#!/bin/bash
# shellcheck source=lib.sh source=sanitized.sh
# The runtime, built with the address and undefined-behaviour sanitizers, under programs with everything that C has, restored at
# every safe point: no word of a sanitizer, and the output of an undisturbed run.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sanitized.sh"

t sanitized_build
for name in assembly atomics calls frames jumps labels lists locks returns signals tails threads values variadic; do
	source=$PMIG_SOURCE/tests/capture/$name.c
	clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include" "$source" -o "$T/$name-plain" -latomic -lm
	"$T/$name-plain" >"$T/$name.want"
	sanitized_cc "$source" "$T/$name" -latomic -lm
	interval=1
	[ "$name" != locks ] || interval=1:100 # it waits at times
	sanitized_every "$T/$name" "$interval" "$T/$name.want" 0
done

# Calls that wait, and reading from streams.
quiet=(sleep pause pipe poll epoll socket lock)
export TMPDIR=$T
for run in "waits ${quiet[*]}" "scans 2 50"; do
	read -ra words <<<"$run"
	source=$PMIG_SOURCE/tests/capture/${words[0]}.c
	clang-19 -w -D_GNU_SOURCE -O2 "$source" -o "$T/${words[0]}-plain"
	"$T/${words[0]}-plain" "${words[@]:1}" >"$T/${words[0]}.want"
	sanitized_cc "$source" "$T/${words[0]}"
	sanitized_every "$T/${words[0]}" 1 "$T/${words[0]}.want" 0 "${words[@]:1}"
done
