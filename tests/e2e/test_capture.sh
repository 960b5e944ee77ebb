#!/bin/bash
# Awkward C, queens and index are stopped at every k-th safe point, continued in a fresh process each time, and print what
# an undisturbed run prints.
. "$(dirname "$0")/lib.sh"

# every PROGRAM WANT K ARGS...: with a restore at every K-th safe point it prints WANT and nothing on standard error.
every() {
	local program=$1 want=$2 k=$3 status=0
	shift 3
	PMIG_EVERY=$k PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count "$program" "$@" >"$T/got" 2>"$T/err" || status=$?
	[ $status -eq 0 ] || fail "$(basename "$program") at every $k: exit status $status: $(cat "$T/err")"
	[ ! -s "$T/err" ] || fail "$(basename "$program") at every $k: $(cat "$T/err")"
	cmp "$want" "$T/got" || fail "$(basename "$program") at every $k: another result"
	echo "ok - $(basename "$program") $* at every $k: $(cat "$T/count") restores"
	rm -f "$T/count"
}

plain=(clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include")
source=("$PMIG_SOURCE/tests/capture/awkward.c" "$PMIG_SOURCE/tests/capture/awkward_other.c")
t "${plain[@]}" "${source[@]}" -o "$T/awkward-plain"
"$T/awkward-plain" >"$T/awkward"
"$T/awkward-plain" deep 100000 >"$T/deep"
for level in 0 1 2 3 s; do
	t "$BIN/pmig-cc" "-O$level" -w "${source[@]}" -o "$T/awkward-O$level"
	every "$T/awkward-O$level" "$T/awkward" 1
done
for k in 2 3 4 5 7 11 17 40 97 251; do every "$T/awkward-O2" "$T/awkward" "$k"; done
every "$T/awkward-O2" "$T/deep" 1 deep 100000
every "$T/awkward-O2" "$T/deep" 4 deep 100000

for name in jumps labels signals variadic; do
	t "${plain[@]}" "$PMIG_SOURCE/tests/capture/$name.c" -o "$T/$name-plain"
	"$T/$name-plain" >"$T/$name"
	for level in 0 1 2 3; do
		t "$BIN/pmig-cc" "-O$level" -w "$PMIG_SOURCE/tests/capture/$name.c" -o "$T/$name-O$level"
		every "$T/$name-O$level" "$T/$name" 1
	done
done

"$BIN/samples/queens-plain" 6 >"$T/queens"
for k in 1 2 5 13 50; do every "$BIN/samples/queens" "$T/queens" "$k" 6; done
"$BIN/samples/queens-plain" 8 >"$T/queens"
for k in 9 100 777; do every "$BIN/samples/queens" "$T/queens" "$k" 8; done

text=/usr/share/wordnet/data.adv
head -n 200 $text >"$T/text"
"$BIN/samples/index-plain" "$T/text" "$T/index-want" >"$T/index"
for k in 1 10 211; do
	every "$BIN/samples/index" "$T/index" "$k" "$T/text" "$T/index-got"
	tail -n +2 "$T/index-want" | cmp - <(tail -n +2 "$T/index-got") || fail "index at every $k: another index"
done

# A pointer into a library is found and refused by name, not followed after the restore.
t "$BIN/pmig-cc" -O2 "$PMIG_SOURCE/tests/capture/outside.c" -o "$T/outside"
expect 125 env PMIG_EVERY=1 PMIG_EVERY_IMAGE="$T/image" "$T/outside"
says 'the variable version points to .* in libc\.so\.6'
