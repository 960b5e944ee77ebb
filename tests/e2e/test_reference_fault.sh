#!/bin/bash
# shellcheck source=lib.sh
# A hand-over of a program that uses a stream at alpha goes wrong at one point after another: wherever the program goes on, it goes on
# in the stream where it was. Where the agent that holds it is killed, the program reads an end, and the user is told.
. "$(dirname "$0")/lib.sh"
hosts_begin
LINES=230000
seq 1 $LINES >"$T/want"

# passed: it gets further than it is.
passed() {
	local at
	at=$(tail -n 1 "$T/relays.out" 2>"$T/none" | sed 's/[^0-9]//g')
	await "$T/relays.out" "^(at $((${at:-0} / 100000 + 1))|end)" 20
}
begin() {
	rm -f "$T"/relays.*
	on alpha sh -c 'rm -f in out copy; mkfifo in out'
	(on alpha sh -c "seq 1 $LINES >in") 2>"$T/seq.err" &
	(on alpha sh -c 'cat out >copy; echo copied') >"$T/copied" &
	RUN_ENV=("PMIG_FAULT=$1")
	start alpha relays "$BIN/tests/relays" in out
	passed
}
taken_up() {
	(
		status=0
		pmig_on alpha recover relays >>"$T/relays.out" 2>>"$T/relays.err" </dev/null || status=$?
		echo "status $status" >"$T/relays.status"
	) &
}
# whole FAULT: the program goes on to its end and has lost nothing.
whole() {
	ended_with relays 0
	await "$T/copied" copied
	hosts exec alpha cat /home/mig/copy >"$T/copy"
	check "$1: every line came once, in order" cmp "$T/want" "$T/copy"
}

for fault in restore=fail commit:sent=cut:source activate:done=cut:target \
	freeze:done=kill-supervisor commit:done=kill-supervisor release:done=cut:source; do
	begin "$fault"
	pmig_on alpha move relays beta >"$T/move" 2>&1 || true
	[[ $fault != *kill-supervisor ]] || { ended_with relays 137 && rm "$T/relays.status" && taken_up; }
	passed
	pmig_on alpha move relays beta >"$T/move" 2>&1 || true
	passed
	t pmig_on alpha move relays gamma
	whole "$fault"
done
for host in alpha beta gamma; do nothing_on $host; done

# --- the holder's agent is killed ---
begin ''
t pmig_on alpha move relays beta
passed
for pid in $(pids_on alpha pmig-agent); do hosts exec alpha kill -KILL "$pid"; done
await "$T/relays.err" 'is lost: the agent at alpha was ended'
await "$T/relays.status" '^status' # of SIGPIPE, or after an end that it read
check "it knows that it was cut off" test -z "$(grep "end after $(wc -c <"$T/want"):" "$T/relays.out")"
for host in alpha beta; do nothing_on $host; done
