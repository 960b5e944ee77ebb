#!/bin/bash
# shellcheck source=lib.sh
# What stands in the way of a move is known before the freeze: the plan says it, and the move ends with 3, without a step of a hand-over. The
# program was started by another one (env, a script); it is stopped; it has ended, and its last words wait; a child process was started
# between plan and freeze; it is tied to its host by something that it holds.
. "$(dirname "$0")/lib.sh"
hosts_begin
mkfifo "$T/input"
exec {input}<>"$T/input"

# refused NAME WORDS: by the plan and by the move, in the same words, once.
refused() {
	expect 3 pmig_on alpha plan "$1" beta
	says "^pmig plan: $2"
	check "it says one thing" test "$(wc -l <"$T/stderr")" -eq 1
	expect 3 pmig_on alpha move "$1" beta
	says "^pmig move: (plan: )?$2"
	check "no step of a hand-over" test "$(pmig_on alpha registry --json steps "$1")" = '[]'
}
# answers NAME ROUND HOST: it has read a line.
answers() {
	echo go >&"$input"
	await "$T/$1.out" "^round $2 at $3\$"
}

# --- started by env(1), and by a script: what runs goes along
INPUT=$T/input start alpha family env A=1 "$BIN/tests/children"
answers family 0 alpha
t pmig_on alpha move family beta
answers family 1 beta
check "home knows which program it is" test "$(pmig_on alpha ps --json | jq -r '.[0].program')" = "$BIN/tests/children"
t pmig_on alpha move family gamma
t pmig_on alpha move family home
answers family 2 alpha
echo end >&"$input"
ended_with family 0
# at another host nobody here has it
far=/dev/pmig-far.$$
at_end 'rm -f "$far" /dev/pmig-script.$$'
cp "$BIN/samples/queens" "$far"
pmig_on alpha run --on beta --detach --name far -- env "$far" 16 >"$T/far.out" 2>&1
while pmig_on alpha plan far gamma 2>&1 | grep -q 'has only just begun'; do :; done
expect 3 pmig_on alpha move far gamma
says "far has become $far by exec at beta, of which there is no copy here to send: start that program itself"
t pmig_on alpha kill -KILL far
printf '#!/bin/sh\n"%s" "$@"\n' "$BIN/tests/children" >"$T/script"
chmod +x "$T/script"
cp "$T/script" /dev/pmig-script.$$
INPUT=$T/input start alpha script /dev/pmig-script.$$
answers script 0 alpha
refused script 'script was not built with pmig-cc, .*or is a script that does not end with exec'
echo end >&"$input"
ended_with script 0

# --- stopped, as by the terminal or by kill -STOP
pmig_on alpha run --detach --name still -- "$BIN/samples/queens" 16 >"$T/still.out" 2>&1
t pmig_on alpha kill -STOP still
pid=$(pids_on alpha queens)
until hosts exec alpha grep -q '^State:.*stopped' "/proc/$pid/status"; do :; done
refused still 'move refused: still: it is stopped, and comes to no safe point: `pmig kill -CONT still` lets it go on'
expect 3 pmig_on alpha checkpoint still -o /tmp/still.image
says 'still: it is stopped'
t pmig_on alpha kill -CONT still
t pmig_on alpha move still beta
t pmig_on alpha move still home
t pmig_on alpha kill -TERM still

# in the foreground `pmig run` stops with it, as any job does
on alpha setsid "$BIN/pmig" run --name job -- "$BIN/samples/queens" 16 >"$T/job.out" 2>"$T/job.err" </dev/null &
job_shell=$!
until pmig_on alpha kill -0 job 2>"$T/why"; do :; done
t pmig_on alpha kill -STOP job
run=$(pids_on alpha pmig)
until hosts exec alpha grep -q '^State:.*stopped' "/proc/$run/status"; do :; done
refused job 'job is stopped, and its `pmig run` with it: `fg` where it was started, or kill -CONT [0-9]+,'
t hosts exec alpha kill -CONT "$run"
ps -o pid= --ppid "$job_shell" | xargs kill -CONT # nsenter(1) stops with what it has started
t pmig_on alpha move job beta
t pmig_on alpha kill -KILL job

# --- its files may be no larger than less than its image; where it has lowered that itself nobody minds (tests/programs/limits.c)
pmig_on alpha run --detach --name small -- sh -c 'ulimit -f 16; exec "$@"' sh "$BIN/tests/limits" 100000000 >"$T/small.out" 2>&1
while pmig_on alpha plan small beta 2>&1 | grep -q 'has only just begun'; do :; done
refused small 'move refused: small: its files may have (8192|16384) bytes at most \(ulimit -f\), and its image would have [0-9]+'
expect 3 pmig_on alpha checkpoint small -o /tmp/small.image
says 'the image would be larger than a file may be here: more than [0-9]+ bytes, by the process.s own limit'
t pmig_on alpha kill -KILL small

# --- ended, and nobody has read yet what it wrote last
program=/dev/pmig-talks.$$
at_end 'rm -f "$program"'
printf '#include <stdio.h>\nint main(void) { for (int i = 0; i < 400000; i++) printf("%%d\\n", i); return 7; }\n' >"$T/talks.c"
t "$BIN/pmig-cc" -O2 "$T/talks.c" -o "$program"
mkfifo "$T/talks.out"
exec {unread}<>"$T/talks.out"
on alpha "$BIN/pmig" run --name talks -- "$program" 1>&"$unread" 2>"$T/talks.err" </dev/null &
until pmig_on alpha ps -a --json | jq -e '.[] | select(.name == "talks") | .state == "ended"' >"$T/jq"; do :; done
refused talks 'talks has ended with status 7; what it wrote last waits for its reader'
seq 0 399999 >"$T/wanted"
head -c "$(stat -c %s "$T/wanted")" <&"$unread" >"$T/talked"
same "$T/talked" "$T/wanted"

# --- a child process that was started after the plan was made: the program refuses, before it is frozen
mkfifo "$T/lines"
exec {lines}<>"$T/lines"
INPUT=$T/lines start alpha late "$BIN/tests/late"
await "$T/late.out" '^ready'
expect 3 pmig_on alpha move late beta
says '^pmig move: freeze: alpha: checkpoint: the process: its child process [0-9]+ \(late\) still runs; wait for it before the safe point'
echo >&"$lines"
await "$T/late.out" '^line 1'
expect 3 pmig_on alpha plan late beta
says 'move refused: late has child processes that run: [0-9]+ \(late\)'
echo >&"$lines"
echo >&"$lines"
await "$T/late.out" '^line 3'
check "it has gone on" grep -q '^waited for: 1' "$T/late.out"
t pmig_on alpha move late beta
echo >&"$lines"
await "$T/late.out" '^line 4'
pmig_on alpha kill late
ended_with late 143
