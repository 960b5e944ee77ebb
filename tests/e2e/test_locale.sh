#!/bin/bash
# shellcheck source=lib.sh
# A program in locales that only its host has: the plan asks the target, and refuses by name before anything is frozen, for the process's
# locale and for a locale object, until they are installed there or not used any more.
. "$(dirname "$0")/lib.sh"
if ! command -v localedef >/dev/null || [ ! -f /usr/share/i18n/locales/de_DE ]; then skip "nothing here to make a locale of"; fi
hosts_begin

# give HOST NAME FROM: a locale there that no system has
give() { on "$1" sh -c "mkdir -p /tmp/locales && localedef -i $3 -f UTF-8 /tmp/locales/$2.utf8"; }
# refused LOCALE: by the plan and before the freeze; the program has not been stopped
refused() {
	expect 3 pmig_on alpha plan speaks beta
	says "move refused: the locale $1, which speaks uses, is not installed at beta"
	expect 3 pmig_on alpha move speaks beta
	says "plan: move refused: the locale $1, which speaks uses, is not installed at beta"
	check "no step of a hand-over" test "$(pmig_on alpha registry --json steps speaks)" = '[]'
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
refused only_ALPHA.utf8
t give beta only_ALPHA de_DE
refused other_ALPHA.utf8
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
