#!/bin/bash
# shellcheck source=lib.sh source=feeds.sh
# A hand-over of a program that uses a stream at alpha goes wrong at one point after another: wherever the program goes on, it goes on
# in the stream where it was. Where the agent that holds it is killed, the program reads an end, and the user is told.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/feeds.sh"
hosts_begin
# passed: it gets further than it is.
passed() {
	local step
	step=$(sed -n 's/^at \([0-9]*\):.*/\1/p' "$T/relays.out" 2>"$T/none" | tail -n 1 || true)
	await "$T/relays.out" "^(at $((${step:-0} + 1)):|end)" 20
}
begin() {
	rm -f "$T"/relays.*
	feed alpha
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
for fault in restore=fail commit:sent=cut:source activate:done=cut:target \
	freeze:done=kill-supervisor commit:done=kill-supervisor release:done=cut:source; do
	begin "$fault"
	pmig_on alpha move relays beta >"$T/move" 2>&1 || true
	[[ $fault != *kill-supervisor ]] || { ended_with relays 137 && rm "$T/relays.status" && taken_up; }
	passed
	pmig_on alpha move relays beta >"$T/move" 2>&1 || true
	passed
	t pmig_on alpha move relays gamma
	fed alpha
	ended_with relays 0
	came alpha "$fault: every line"
done
for host in alpha beta gamma; do nothing_on $host; done

# --- the holder's agent is killed ---
begin ''
t pmig_on alpha move relays beta
passed
for pid in $(pids_on alpha pmig-agent); do hosts exec alpha kill -KILL "$pid"; done
await "$T/relays.err" 'is lost: the agent at alpha was ended'
await "$T/relays.status" '^status' # of SIGPIPE, or after an end that it read
for host in alpha beta; do nothing_on $host; done
