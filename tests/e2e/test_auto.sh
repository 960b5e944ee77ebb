#!/bin/bash
# --safepoints=auto: a program without any safe point of its own polls at least every 100,000 instructions, however its loops and
# calls are made, and goes on in a fresh process from each of them.
. "$(dirname "$0")/lib.sh"

# every PROGRAM WANT K: with a restore at every K-th safe point it prints WANT.
every() {
	PMIG_EVERY=$3 PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count "$1" >"$T/got" 2>"$T/err" || fail "$1 at every $3: $(cat "$T/err")"
	cmp "$2" "$T/got" || fail "$1 at every $3: another result"
	echo "ok - $(basename "$1") at every $3: $(cat "$T/count") restores"
}

# bounded NAME WORD...: the program's longest way between two polls is within the promise.
bounded() {
	local name=$1 longest
	shift
	timeout 120 "$PMIG_SOURCE/tests/bound.sh" "$@" >"$T/bound" || fail "$name: it cannot be measured"
	longest=$(sed -n 's/.*at most \([0-9]*\) between two.*/\1/p' "$T/bound")
	[ "$longest" -gt 0 ] && [ "$longest" -le 100000 ] || fail "$name: $(cat "$T/bound")"
	echo "ok - $name: $(cat "$T/bound")"
}

far=$PMIG_SOURCE/tests/capture/far.c
t clang-19 -O2 "$far" -o "$T/far-plain"
"$T/far-plain" >"$T/far"
for level in 0 1 2 3 s; do
	t "$BIN/pmig-cc" --safepoints=auto "-O$level" "$far" -o "$T/far-O$level"
	"$T/far-O$level" | cmp "$T/far" - || fail "far at -O$level: another result"
	every "$T/far-O$level" "$T/far" 1:20
	every "$T/far-O$level" "$T/far" -3000:20
done

# What it says of itself: where it polls, and where it need not.
t "$BIN/pmig-cc" --safepoints=auto -O2 "--explain=$T/explained" "$far" -o "$T/far-O2"
for words in 'in chunks of [0-9]* rounds' 'in each round' 'before calls that lead back here' 'at most [0-9]* rounds, [0-9]* instructions'; do
	grep -q "far\.c:[0-9]*: .*$words" "$T/explained" || fail "--explain does not say: $words"
done
echo "ok - --explain tells where safe points are and are not"

if command -v valgrind >/dev/null; then
	bounded far -O2 "$far"
	sed 's/pmig_safepoint();//' "$PMIG_SOURCE/samples/queens.c" >"$T/queens.c"
	bounded queens -O2 "$T/queens.c" -- 7
	head -n 5 /usr/share/wordnet/data.adv >"$T/text"
	bounded index -O2 "$PMIG_SOURCE/samples/index.c" -- "$T/text" "$T/result"
	seeds=(3 8 21 34 55)
	for seed in "${seeds[@]}"; do
		(cd "$T" && csmith --seed "$seed" --no-argc --max-funcs 4 -o random.c) # it leaves a file where it runs
		bounded "csmith $seed" -O2 -w -I "$(dirname "$(dpkg -L libcsmith-dev | grep '/csmith\.h$')")" "$T/random.c"
	done
else
	echo "ok # skip valgrind is not installed: the way between two polls is not measured"
fi
