#!/bin/bash
# shellcheck source=lib.sh
# Everything that C has, in programs that print what they computed: restored at every single safe point in fresh processes, at
# each level; and all of them in one program that goes alpha, beta, alpha again and again.
. "$(dirname "$0")/lib.sh"

CAPTURE=$PMIG_SOURCE/tests/capture
NAMES=(assembly atomics calls frames jumps labels lists returns tails values variadic)
export CAPTURE

# construct NAME LEVEL: at every safe point it prints what clang's program prints.
construct() {
	local name=$1 level=$2 p=$T/$1-O$2
	"$BIN/pmig-cc" "-O$level" -g -w -D_GNU_SOURCE "$CAPTURE/$name.c" -o "$p" -latomic -lm 2>"$p.log" || { cat "$p.log" && return 1; }
	PMIG_EVERY=1 PMIG_EVERY_IMAGE=$p.image PMIG_EVERY_COUNT=$p.count timeout 100 "$p" >"$p.got" 2>"$p.err" || {
		echo "$name -O$level: exit status $?: $(cat "$p.err")"
		return 1
	}
	[ ! -s "$p.err" ] && cmp "$T/$name.want" "$p.got" && echo "ok - $name -O$level: $(cat "$p.count") restores"
}
export -f construct

plain=(clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include")
for name in "${NAMES[@]}"; do
	"${plain[@]}" "$CAPTURE/$name.c" -o "$T/$name" -latomic -lm || fail "$name does not build"
	"$T/$name" >"$T/$name.want" || fail "$name fails undisturbed: $(tail -n 1 "$T/$name.want")"
	printf "$name %s\n" 0 1 2 3
done >"$T/constructs"
xargs -P 2 -L 1 bash -c 'construct "$@" || echo "$@" >>"$T/failed"' construct <"$T/constructs"
[ ! -e "$T/failed" ] || fail "constructs: $(tr '\n' ';' <"$T/failed")"

# all of them in one, on its way
build() {
	local name objects=()
	for name in "${NAMES[@]}"; do
		"$@" -w -D_GNU_SOURCE -O2 -Dmain="${name}_main" -Dprintf=note -Dputs=note_line -Dexit=note_exit -c "$CAPTURE/$name.c" \
			-o "$T/$name.o" || return
		objects+=("$T/$name.o")
	done
	"$@" -w -D_GNU_SOURCE -O2 "$CAPTURE/again.c" "${objects[@]}" -o "$T/again" -latomic -lm
}
check "build with clang" build "${plain[@]}"
t "$T/again" 60 >"$T/again.want"
check "build with pmig-cc" build "$BIN/pmig-cc"
chmod -R a+rX "$T"
hosts_begin SHARE="$PMIG_SOURCE $PMIG_BUILD $T"
start alpha again "$T/again" 60 150
for round in 2 12 22 32; do
	await "$T/again.out" "^$round "
	t pmig_on alpha move again beta
	t pmig_on alpha move again home
done
ended_with again 0
sed -i '/^ok/d' "$T/again.want"
same "$T/again.out" "$T/again.want"
for host in alpha beta; do nothing_on $host; done
