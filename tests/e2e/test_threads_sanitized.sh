#!/bin/bash
# shellcheck source=lib.sh
# The runtime, built with the thread sanitizer, under programs with threads: no word of it, and the output of an undisturbed run.
. "$(dirname "$0")/lib.sh"

# Where the test sanitize/tsan builds too.
sanitized=$PMIG_BUILD/sanitize/tsan
build() {
	cmake -G Ninja -S "$PMIG_SOURCE" -B "$sanitized" -DPMIG_SANITIZE=thread -DPMIG_SUB_BUILDS=OFF -DPMIG_PROGRAMS=OFF \
		>"$T/cmake.log" && ninja -C "$sanitized" pmig_runtime >"$T/ninja.log" || { tail "$T/ninja.log" && return 1; }
}
t build
# Threads that have ended are joined at the next checkpoint, which there is none of here.
export TSAN_OPTIONS=report_thread_leaks=0

source=$PMIG_SOURCE/tests/capture/threads.c
t clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include" "$source" -o "$T/plain" -lm
"$T/plain" >"$T/want"
t "$BIN/pmig-cc" -O2 -w -D_GNU_SOURCE --libpmig="$sanitized/lib/libpmig.o" "$source" -o "$T/threads" -lm
for i in 1 2 3; do
	timeout 100 "$T/threads" >"$T/got" 2>"$T/err" || fail "exit status $?: $(head -n 40 "$T/err")"
	check "the sanitizer is silent, $i" test ! -s "$T/err"
	same "$T/want" "$T/got"
done
check "the runtime in it is the sanitized one" grep -q __tsan_init "$T/threads"
