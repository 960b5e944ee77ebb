#!/bin/bash
# shellcheck source=lib.sh
# Every refusal: the program, the message, the place. At build time each file of tests/refusals/compile, and each function and variable of the
# tables that is refused, says so at its line, and no program comes of it. At run time each thing of tests/refusals/held.c refuses the move
# before anything is frozen, by name; the program goes on where it is, and nothing has reached the target.
. "$(dirname "$0")/lib.sh"
refusals=$PMIG_SOURCE/tests/refusals

# built FILE STATUS OPTION...: compiles; what was said is in $T/said.
built() {
	local file=$1 want=$2 got=0
	shift 2
	rm -f "$T/program"
	timeout 60 "$BIN/pmig-cc" -O2 -w -D_GNU_SOURCE "$@" "$file" -o "$T/program" 2>"$T/said" || got=$?
	[ "$got" -eq "$want" ] || fail "$file: exit status $got, not $want: $(cat "$T/said")"
	[ "$want" -eq 0 ] || [ ! -e "$T/program" ] || fail "$file: refused, and a program came of it"
}

# The line behind the mark is the one that is named.
for file in "$refusals"/compile/*.c; do
	mark=$(grep -noE '(REFUSED|STRICT): .* \*/' "$file")
	line=$((${mark%%:*} + 1)) words=${mark#*: }
	words=${words% \*/}
	options=()
	[[ $mark != *STRICT:* ]] || options=(--strict)
	built "$file" 1 "${options[@]}"
	grep -qE "^[^:]*$(basename "$file"):$line: error: $words" "$T/said" || fail "$file: line $line, '$words': $(cat "$T/said")"
	echo "ok - $(grep -m1 'error:' "$T/said" | sed 's/.*\///')"
	[[ $mark == *STRICT:* ]] || continue # without the option it is a warning at the same place
	timeout 60 "$BIN/pmig-cc" -O2 -D_GNU_SOURCE "$file" -o "$T/program" 2>"$T/said" || true
	grep -qE "^[^:]*$(basename "$file"):$line: warning: $words" "$T/said" || fail "$file: no warning: $(cat "$T/said")"
done

# refused TABLE: its refused rows in $T/rows, name and reason, by the preprocessor.
refused() {
	printf '#define LIBC(name, action, note) LIBC_##action(name, note)\n#define LIBC_PLAIN(...)\n#define LIBC_CARRIED(...)\n' >"$T/rows.c"
	printf '#define LIBC_REPLACED(...)\n#define LIBC_REFUSED(name, note) @#name:note@\n#include "tbl/%s.h"\n' "$1" >>"$T/rows.c"
	clang-19 -E -P -I "$PMIG_SOURCE/runtime" "$T/rows.c" | tr '@' '\n' | sed -n 's/^"\([A-Za-z0-9_]*\)" *: *"\(.*\)"$/\1\t\2/p' >"$T/rows"
}

# uses_all FIRST SECOND: a program whose line N uses row N; $1 and $2: how a row is declared and used, with % for its name.
uses_all() {
	local name
	printf '#include <pmig/pmig.h>\n' >"$T/declared.h"
	while IFS=$'\t' read -r name _; do printf '%s\n' "${1//%/$name}" >>"$T/declared.h"; done <"$T/rows"
	while IFS=$'\t' read -r name _; do printf '%s\n' "${2//%/$name}"; done <"$T/rows" >"$T/used.h"
	{
		printf '#include "declared.h"\nint main(void) { pmig_safepoint();\n'
		cat "$T/used.h"
		printf 'return 0; }\n'
	} >"$T/all.c"
}

# all_said TABLE: each row, at its line.
all_said() {
	local n=2 name note
	built "$T/all.c" 1 -fno-builtin -I "$T"
	while IFS=$'\t' read -r name note; do
		n=$((n + 1))
		grep -qF "all.c:$n: error: $name cannot be carried: $note" "$T/said" ||
			fail "$name: not refused at line $n with '$note': $(grep -m1 -w "$name" "$T/said" || tail -n 3 "$T/said")"
	done <"$T/rows"
	[ $n -ge 7 ] || fail "$1.h: only $((n - 2)) rows are refused"
	echo "ok - $((n - 2)) rows of $1.h are refused by name and line, with their reason"
}

expect 1 "$BIN/pmig-cc" --target=aarch64-linux-gnu -c -w -x c -o "$T/other.o" - <<<'int main(void) { return 0; }'
says 'pmig-cc generates code for x86-64 Linux only, not for aarch64'

refused libc
uses_all 'void use_%(void) __asm__("%");' 'use_%();'
all_said libc
refused libc_variables
uses_all 'extern volatile int use_% __asm__("%");' 'use_% = 1;'
all_said libc_variables

# At run time, in the test mode: the message, and exit status 125.
t "$BIN/pmig-cc" -O2 -g -w -D_GNU_SOURCE "$refusals/held.c" -o "$T/held"
"$T/held" >"$T/things"
while IFS=$'\t' read -r name words only; do
	[ "$only" != move ] || continue
	status=0
	PMIG_EVERY=1 PMIG_EVERY_IMAGE=$T/image timeout 20 "$T/held" "$name" </dev/null >"$T/said" 2>"$T/stderr" || status=$?
	[ $status -ne 77 ] || { echo "ok # skip $name: $(cat "$T/said")" && continue; }
	[ $status -eq 125 ] || fail "$name: exit status $status: $(cat "$T/said" "$T/stderr")"
	says "$words"
done <"$T/things"

# And moved: refused before the freeze, and the program goes on.
hosts_begin
program=/dev/pmig-held.$$ # the same on all hosts
cp "$T/held" "$program"
at_end 'rm -f "$program"'
on alpha "$program" >"$T/things"

# moved NAME WORDS: in a directory of its own, so that several can be under way.
moved() {
	local name=$1 status=0
	T=$T/$name
	mkdir "$T"
	mkfifo "$T/in"
	INPUT=$T/in start alpha "$name" "$program" "$name"
	exec 7>"$T/in"
	await "$T/$name.out" '^ready|^not given'
	if grep '^not given' "$T/$name.out" >"$T/said"; then
		ended_with "$name" 77
		echo "ok # skip $name: $(cat "$T/said")"
		return
	fi
	pmig_on alpha move "$name" beta 2>"$T/stderr" || status=$?
	[[ $status == [35] ]] || fail "$name: the move ended with $status" # by the plan, or by the program when it was to freeze
	says "$2"
	exec 7>&-
	ended_with "$name" 0
	check "$name went on" grep -q '^went on' "$T/$name.out"
}

# all_moved: those that are under way, as they come to their end.
names=()
all_moved() {
	local name status
	for name in "${names[@]}"; do
		status=0
		wait "${running[$name]}" || status=$?
		cat "$T/log.$name"
		[ $status -eq 0 ] || fail "$name"
	done
	check "nothing of ${names[*]} has reached beta" test -z "$(left_on beta)"
	names=()
}
declare -A running
while IFS=$'\t' read -r name words only <&8; do
	[ "$only" != image ] || continue
	moved "$name" "$words" >"$T/log.$name" 2>&1 8<&- &
	names+=("$name") running[$name]=$!
	[ ${#names[@]} -lt 6 ] || all_moved
done 8<"$T/things"
all_moved
