#!/bin/bash
# shellcheck source=lib.sh
# Child processes, alpha -> beta -> alpha: fork, exec, posix_spawn, system and popen work at each host; those that have ended before a move
# and were not waited for are waited for after it, at the other host; one that runs is named and refuses before the freeze, or is waited
# for, by a move and by a checkpoint.
. "$(dirname "$0")/lib.sh"
hosts_begin

mkfifo "$T/input"
exec {input}<>"$T/input"
INPUT=$T/input start alpha family "$BIN/tests/children"
round() {
	echo go >&"$input"
	await "$T/family.out" "^round $1 at $2\$"
}
round 0 alpha
t pmig_on alpha move family beta
round 1 beta
t pmig_on alpha move family alpha
round 2 alpha

# One that runs would stay behind: refused before anything is frozen, by its name; the program goes on.
echo live 3 >&"$input"
await "$T/family.out" '^lives'
expect 3 pmig_on alpha move family beta
says 'move refused: family has child processes that run: [0-9]+ \(sh\); they would stay behind: .*--wait-children'
expect 3 pmig_on alpha checkpoint family -o /tmp/family.image
says 'its child process [0-9]+ \(sh\) still runs; wait for it before the safe point, or ask with --wait-children'

# Or it is waited for: the move takes place once it has ended, while the program itself waits for its input.
t pmig_on alpha move --wait-children family beta
round 3 beta
echo live 1 >&"$input"
await "$T/family.out" '^lives'
expect 5 pmig_on alpha checkpoint --wait-children --timeout 0.2 family -o /tmp/family.image
says 'its child process [0-9]+ \(sh\) still runs'
t pmig_on alpha move --wait-children family gamma
round 4 gamma
t pmig_on alpha move family home
round 5 alpha

# One that becomes a program that pmig-cc has not built is told from one that has ended.
echo become >&"$input"
await "$T/family.out" '^another'
expect 3 pmig_on alpha checkpoint family -o /tmp/family.image
says 'family: it has become another program by exec \(.*\), which pmig-cc has not built'
expect 3 pmig_on alpha plan family beta
says 'move refused: family: it has become another program by exec'
echo end >&"$input"
ended_with family 0
check "nothing was other than it should be" test ! -s "$T/family.err"
