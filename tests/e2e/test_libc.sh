#!/bin/bash
# shellcheck source=lib.sh
# What libc keeps: the programs of tests/libc check themselves. Each is restored at every safe point, at every seventh and at -O0, prints what an
# ordinary build prints, and is moved alpha -> beta -> alpha again and again.
. "$(dirname "$0")/lib.sh"

# The machine's /dev is the same on all hosts: paths mean the same there.
place=/dev/pmig-libc.$$
mkdir -m 1777 "$place"
at_end 'rm -rf "$place"'
export PMIG_TEST_PLACE=$place
plain=(clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include")

# every NAME K LEVEL
every() {
	local name=$1 want got=0
	want=$(cat "$T/$name.ends")
	PMIG_EVERY=$2 PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count timeout 60 "$T/$name-O$3" >"$T/$name.got" 2>"$T/err" </dev/null ||
		got=$?
	[ "$got" = "$want" ] && [ ! -s "$T/err" ] || fail "$name-O$3 at every $2: exit status $got: $(cat "$T/err")"
	cmp "$T/$name.want" "$T/$name.got" || fail "$name-O$3 at every $2: another result"
	echo "ok - $name -O$3 at every $2: $(cat "$T/count") restores"
}

programs=(streams letters lists state threads)
for name in "${programs[@]}"; do
	source=$PMIG_SOURCE/tests/libc/$name.c status=0
	t "${plain[@]}" "$source" -o "$T/$name-plain" -lm
	"$T/$name-plain" >"$T/$name.want" </dev/null || status=$?
	echo $status >"$T/$name.ends"
	for level in 0 2; do t "$BIN/pmig-cc" --strict "-O$level" -w -D_GNU_SOURCE "$source" -o "$T/$name-O$level" -lm; done
	every "$name" 1 2
	every "$name" 7 2
	every "$name" 1 0
done

hosts_begin
RUN_ENV=(PMIG_TEST_PLACE="$place")
for name in "${programs[@]}"; do
	t cp "$T/$name-O2" "$place/$name"
	mkfifo "$T/$name.in"
	INPUT=$T/$name.in start alpha "$name" "$place/$name" slowly
	exec 7>"$T/$name.in"
	at=1
	for host in beta alpha beta alpha beta alpha; do
		await "$T/$name.err" "^step $at\$"
		t pmig_on alpha move "$name" "$host"
		printf '\n\n\n' >&7
		at=$((at + 3))
	done
	exec 7>&-
	ended_with "$name" "$(cat "$T/$name.ends")"
	same "$T/$name.want" "$T/$name.out"
done
