# shellcheck shell=bash
# sanitized.sh: programs whose runtime was built with the address and undefined-behaviour sanitizers. After lib.sh.

# Where the test sanitize/asan-ubsan builds too.
sanitized=$PMIG_BUILD/sanitize/asan-ubsan
sanitized_build() {
	cmake -G Ninja -S "$PMIG_SOURCE" -B "$sanitized" -DPMIG_SANITIZE=address,undefined -DPMIG_SUB_BUILDS=OFF -DPMIG_PROGRAMS=OFF \
		>"$T/cmake.log" && ninja -C "$sanitized" pmig_runtime >"$T/ninja.log" || { tail "$T/ninja.log" && return 1; }
}

# sanitized_cc SOURCE PROGRAM [OPTION...]
sanitized_cc() {
	local source=$1 program=$2
	shift 2
	"$BIN/pmig-cc" -O2 -w -D_GNU_SOURCE --libpmig="$sanitized/lib/libpmig.o" "$source" -o "$program" "$@" 2>"$T/log" ||
		fail "$source: $(cat "$T/log")"
	grep -q __asan_init "$program" || fail "$program: the runtime in it is not the sanitized one"
}

# sanitized_every PROGRAM K WANT STATUS [ARGUMENT...]: restored at every K-th safe point, it prints what is in WANT and ends with
# STATUS, and no sanitizer has a word to say.
sanitized_every() {
	local program=$1 k=$2 want=$3 ends=$4 status=0 name
	name=$(basename "$program")
	shift 4
	rm -f "$T/count"
	PMIG_EVERY=$k PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count timeout 100 "$program" "$@" >"$program.got" 2>"$T/err" </dev/null ||
		status=$?
	[ $status -eq "$ends" ] && [ ! -s "$T/err" ] || fail "$name at every $k: exit status $status: $(head -n 20 "$T/err")"
	cmp "$want" "$program.got" || fail "$name at every $k: another result"
	echo "ok - $name at every $k: $(cat "$T/count") restores"
}
