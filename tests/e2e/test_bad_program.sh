#!/bin/bash
# shellcheck source=lib.sh
# A program that cannot be moved as it stands: it ends instead, never comes to a safe point, is called back by a library, or
# holds what does not travel. Each is named in one sentence, the program goes on at the source and ends with the right
# result, and nothing stays at the target.
. "$(dirname "$0")/lib.sh"
hosts_begin

mkfifo "$T/input"
exec 7<>"$T/input" # in both directions: nobody waits for the other end

# begin NAME WORD PROGRAM...: until it has said WORD.
begin() {
	local name=$1 word=$2
	shift 2
	INPUT=$T/input start alpha "$name" "$@"
	await "$T/$name.out" "^$word\$"
}

# refused STATUS NAME PATTERN OPTION...: the move fails, the program goes on.
refused() {
	local status=$1 name=$2 pattern=$3
	shift 3
	expect "$status" pmig_on alpha move "$@" "$name" beta
	says "^pmig move: freeze: alpha: $pattern"
	check "it says one thing" test "$(wc -l <"$T/stderr")" -eq 1
	nothing_on beta
}

# printed NAME LINE...: that and nothing else, and nothing on standard error.
printed() {
	local name=$1
	shift
	printf '%s\n' "$@" >"$T/want"
	same "$T/want" "$T/$name.out"
	check "$name has no complaint" test ! -s "$T/$name.err"
}

# --- it ends
begin ends begun "$BIN/tests/asked" end
refused 5 ends 'ends ended with status 7 before it reached a safe point$'
ended_with ends 7

# --- it does not come to a safe point
begin deaf begun "$BIN/tests/asked" deaf
refused 5 deaf 'deaf did not reach a safe point; it is in (.*called by )?(deaf|until_asked)[,;].*; pmig-cc --safepoints=auto puts safe points wherever they are needed$' --timeout 1
echo >&7
ended_with deaf 0
printed deaf begun asked 55

# --- a library calls it back: that is no safe point, the next one is
begin linger 'called back' "$BIN/tests/asked" linger
refused 5 linger 'linger did not reach a safe point; it is .*; last: the stack cannot be taken apart here: it goes through .*libc\.so\.6 \(called by callback\)' --timeout 1
ended_with linger 0
begin visit 'called back' "$BIN/tests/asked" visit
t pmig_on alpha move visit beta # it only ends once it is restored
ended_with visit 0
printed visit begun 'called back' 'tried: 0, asked still: 1' 'behind it' end

# --- it holds memory of a library
declare -A place=([variable]='the variable kept, offset 56,' [heap]='the heap block of 112 bytes at 0x[0-9a-f]+, offset 56, to which a local value of deflate_in_two\(\) \(deflates.c:[0-9]+\) leads,'
	[local]='a local variable at 0x[0-9a-f]+')
for where in variable heap local; do
	begin $where 'holds it' "$BIN/tests/deflates" $where
	refused 3 $where "checkpoint: ${place[$where]} points to [0-9]+ bytes allocated by deflateInit2_ in libz\.so"
	await "$T/$where.out" '^has let go of it'
	t pmig_on alpha move $where beta
	ended_with $where 0
	printed $where 'holds it' 'has let go of it' 'the text is whole'
done
for host in alpha beta; do nothing_on $host; done
