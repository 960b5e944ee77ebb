#!/bin/bash
# shellcheck source=lib.sh
# A program in locales that only its host has: the plan asks the target, and refuses by name before anything is frozen, for the process's
# locale and for a locale object, until they are installed there or not used any more. The same for an open conversion of characters; what
# has no plan, an image, is refused when it is restored.
. "$(dirname "$0")/lib.sh"
if ! command -v localedef >/dev/null || [ ! -f /usr/share/i18n/locales/de_DE ]; then skip "nothing here to make a locale of"; fi
cat >"$T/sets.c" <<'END'
#include <locale.h>
#include <stdlib.h>
void set_locale(void) { setlocale(LC_ALL, "third_ALPHA.utf8"); }
__attribute__((constructor)) static void begin(void) { if (getenv("BEFORE") != NULL) set_locale(); }
END
t gcc -shared -fPIC -O2 "$T/sets.c" -o "$T/libsets.so"
chmod 755 "$T"
hosts_begin SHARE="$PMIG_SOURCE $PMIG_BUILD $T"

# give HOST NAME FROM: a locale there that no system has
give() { on "$1" sh -c "mkdir -p /tmp/locales && localedef -i $3 -f UTF-8 /tmp/locales/$2.utf8"; }
# refused THING [NAME]: by the plan and before the freeze; the program has not been stopped
refused() {
	local name=${2:-speaks}
	expect 3 pmig_on alpha plan "$name" beta
	says "move refused: the $1, which $name uses, is not installed at beta"
	expect 3 pmig_on alpha move "$name" beta
	says "plan: move refused: the $1, which $name uses, is not installed at beta"
	check "no step of a hand-over" test "$(pmig_on alpha registry --json steps "$name")" = '[]'
}
# sees LINE NUMBER: what line NUMBER of its output is, after a line of input
sees() {
	echo "${3:-}" >&7
	await "$T/speaks.out" "^$1"
	check "line $2: $1" test "$(sed -n "$2p" "$T/speaks.out")" = "$1"
}

t give alpha only_ALPHA de_DE
t give alpha other_ALPHA fr_FR
mkfifo "$T/input"
RUN_ENV=(LOCPATH=/tmp/locales)
INPUT=$T/input start alpha speaks "$BIN/tests/locale" only_ALPHA.utf8 other_ALPHA.utf8
exec 7>"$T/input"
await "$T/speaks.out" '^host alpha number 2,5 object 2,5'
refused 'locale only_ALPHA.utf8'
t give beta only_ALPHA de_DE
refused 'locale other_ALPHA.utf8'
t give beta other_ALPHA fr_FR
t pmig_on alpha move speaks beta
sees "host beta number 2,5 object 2,5" 2
# what was asked before its coming is what it uses there
expect 3 pmig_on alpha move speaks gamma
says 'move refused: the locale only_ALPHA.utf8, which speaks uses, is not installed at gamma'
sees "host beta number 2.5 object 2.5" 3 C
t pmig_on alpha move speaks gamma
sees "host gamma number 2.5 object 2.5" 4
exec 7>&-
ended_with speaks 0

# One that a library has set, which was linked: before main(), or later.
t give alpha third_ALPHA de_DE
mkfifo "$T/late" "$T/early"
INPUT=$T/late start alpha late env LD_PRELOAD="$T/libsets.so" "$BIN/tests/locale" - C
exec 7>"$T/late"
echo library >&7
await "$T/late.out" '^host alpha number 2,5 object 2.5'
refused 'locale third_ALPHA.utf8' late
exec 7>&-
ended_with late 0
INPUT=$T/early start alpha early env LD_PRELOAD="$T/libsets.so" BEFORE=main "$BIN/tests/locale" - C
exec 7>"$T/early"
await "$T/early.out" '^host alpha number 2,5 object 2.5'
refused 'locale third_ALPHA.utf8' early
exec 7>&-
ended_with early 0

# A conversion that only its host knows.
knows() { on "$1" sh -c 'mkdir -p /tmp/gconv && echo "alias ONLY-ALPHA// ISO-8859-15//" >/tmp/gconv/gconv-modules'; }
converts() {
	echo "$1" >&7
	await "$T/letters.out" "$2"
}
t knows alpha
mkfifo "$T/letters"
RUN_ENV=(GCONV_PATH=/tmp/gconv)
INPUT=$T/letters start alpha letters "$BIN/tests/converts" ONLY-ALPHA
exec 7>"$T/letters"
await "$T/letters.out" '^host alpha letter ä'
refused 'conversion from ONLY-ALPHA to UTF-8' letters
t knows beta
t pmig_on alpha move letters beta
converts again '^host beta letter ä'
expect 3 pmig_on alpha move letters gamma
says 'move refused: the conversion from ONLY-ALPHA to UTF-8, which letters uses, is not installed at gamma'
t pmig_on alpha checkpoint --stop letters -o /tmp/letters.image
ended_with letters 124
t on alpha rm -r /tmp/gconv
expect 3 pmig_on alpha restart --detach /tmp/letters.image
says 'its conversion from ONLY-ALPHA to UTF-8 is not installed here'
t knows alpha
pmig_on alpha restart /tmp/letters.image <"$T/letters" >"$T/letters.more" 2>"$T/letters.errors" 7>&- &
restarted=$!
exec 7>&- 7>"$T/letters"
echo again >&7
await "$T/letters.more" '^host alpha letter ä'
echo close >&7
for ((i = 0; i < 100; i++)); do # until it has read that
	! pmig_on alpha plan letters gamma >"$T/plan" 2>&1 || break
done
check "gamma is good enough for it then" grep -q '^move possible' "$T/plan"
exec 7>&-
t wait "$restarted"
