#!/bin/bash
# shellcheck source=lib.sh
# The runtime, built with the address and undefined-behaviour sanitizers, under programs with everything that C has, restored at
# every safe point: no word of a sanitizer, and the output of an undisturbed run.
. "$(dirname "$0")/lib.sh"

# Where the test sanitize/asan-ubsan builds too.
sanitized=$PMIG_BUILD/sanitize/asan-ubsan
build() {
	cmake -G Ninja -S "$PMIG_SOURCE" -B "$sanitized" -DPMIG_SANITIZE=address,undefined -DPMIG_SUB_BUILDS=OFF -DPMIG_PROGRAMS=OFF \
		>"$T/cmake.log" && ninja -C "$sanitized" pmig_runtime >"$T/ninja.log" || { tail "$T/ninja.log" && return 1; }
}
t build
# The program's handlers are its own, and so are the alternate stacks of its threads.
export ASAN_OPTIONS=use_sigaltstack=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0

for name in assembly atomics calls frames jumps labels lists locks returns signals tails threads values variadic; do
	source=$PMIG_SOURCE/tests/capture/$name.c
	clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include" "$source" -o "$T/$name-plain" -latomic -lm
	"$T/$name-plain" >"$T/$name.want"
	"$BIN/pmig-cc" -O2 -w -D_GNU_SOURCE --libpmig="$sanitized/lib/libpmig.o" "$source" -o "$T/$name" -latomic -lm 2>"$T/log" ||
		fail "$name: $(cat "$T/log")"
	status=0
	interval=1
	[ "$name" != locks ] || interval=1:100 # it waits at times
	PMIG_EVERY=$interval PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count timeout 100 "$T/$name" >"$T/$name.got" 2>"$T/err" || status=$?
	[ $status -eq 0 ] && [ ! -s "$T/err" ] || fail "$name: exit status $status: $(head -n 20 "$T/err")"
	cmp "$T/$name.want" "$T/$name.got" || fail "$name: another result"
	echo "ok - $name: $(cat "$T/count") restores"
	rm -f "$T/count"
done
check "the runtime in it is the sanitized one" grep -q __asan_init "$T/values"
