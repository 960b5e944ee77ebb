#!/bin/bash
# shellcheck source=lib.sh
# A hand-over of a program with connections goes wrong at one point after another, sessions are lost while bytes run, a supervisor is killed:
# wherever the program goes on, its peers, which are not changed, notice nothing, and every byte is compared both ways. Where the agent
# that holds the sockets is killed, both sides find their connections broken, and the user is told.
. "$(dirname "$0")/lib.sh"
hosts_begin
TALK=$(cat "$LIB_DIR/talk.pl")
mkfifo "$T/feed"
exec {feed}<>"$T/feed"

begin() {
	rm -f "$T"/links.*
	RUN_ENV=("PMIG_FAULT=$1")
	start alpha links "$BIN/tests/links" accept 7000 3
	await "$T/links.out" ready
	on gamma perl -e "$TALK" alpha:7000 3 <"$T/feed" >"$T/talk" 2>&1 &
	talking=$!
	await "$T/links.out" all
}
# stop WORDS: the peers have had enough, and all of it was right
stop() {
	echo stop >&"$feed"
	wait $talking || fail "$1: $(cat "$T/talk")"
	check "$1: $(tail -n 1 "$T/talk")" grep -q 'bytes each way' "$T/talk"
	ended_with links 0
}
again() { # another supervisor
	(
		status=0
		pmig_on alpha "$@" links >>"$T/links.out" 2>>"$T/links.err" </dev/null || status=$?
		echo "status $status" >"$T/links.status"
	) &
}
sever() {
	local pid
	for pid in $(hosts exec "$1" pgrep -f '^sshd(-session)?: mig'); do hosts exec "$1" kill -KILL "$pid" 2>"$T/none" || true; done
}

for fault in restore=fail commit:sent=cut:source activate:done=cut:target freeze:done=kill-supervisor release:done=cut:source; do
	begin "$fault"
	pmig_on alpha move links beta >"$T/move" 2>&1 || true
	[[ $fault != *kill-supervisor ]] || { ended_with links 137 && rm "$T/links.status" && again recover; }
	pmig_on alpha move links beta >"$T/move" 2>&1 || true
	for ((i = 0; i < 200; i++)); do # the move that was begun may not be over yet
		! pmig_on alpha move links gamma >"$T/move" 2>&1 || break
	done
	check "on to gamma" grep -q 'runs on gamma' "$T/move"
	stop "$fault"
done

begin ''
t pmig_on alpha move links beta
sever beta
t pmig_on alpha move links gamma
sever gamma
for pid in $(hosts exec alpha pgrep -f "^$BIN/pmig run .*links"); do hosts exec alpha kill -KILL "$pid"; done
ended_with links 137
rm "$T/links.status"
again attach
stop "lost sessions, and another supervisor"

begin ''
t pmig_on alpha move links beta
for pid in $(pids_on alpha pmig-agent); do hosts exec alpha kill -KILL "$pid"; done
await "$T/links.err" 'is lost: the agent at alpha was ended'
check "the peers find their connections ended" test "$(wait $talking || echo ended)" = ended
await "$T/links.status" '^status'
check "the program finds them reset" test "$(grep -c 'over: .*Connection reset by peer' "$T/links.out")" -eq 3
for host in alpha beta; do nothing_on $host; done
