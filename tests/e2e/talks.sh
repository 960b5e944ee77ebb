# shellcheck shell=bash
# talks.sh: a program with three connections (tests/programs/links.c) and its peers at gamma (talk.pl), which are not changed and compare
# every byte.
#
#	begin FAULT            both, with PMIG_FAULT
#	at_last HOST           it is moved there, if need be after some tries
#	replaced attach        its supervisor is killed, and there is another one, with PMIG_FAULT=$FAULT
#	broken                 the peers have been told that their connections are over before they had enough
#	stop WORDS             the peers have had enough, and all of it was right

TALK=$(cat "$LIB_DIR/talk.pl")
mkfifo "$T/feed"
exec {feed}<>"$T/feed"

begin() {
	rm -f "$T"/links.*
	export RUN_ENV=("PMIG_FAULT=$1")
	start alpha links "$BIN/tests/links" accept 7000 3
	await "$T/links.out" ready
	on gamma perl -e "$TALK" alpha:7000 3 <"$T/feed" >"$T/talk" 2>&1 &
	talking=$!
	await "$T/links.out" all
}
# stop WORDS: the peers have had enough, and all of it was right
stop() {
	echo stop >&"$feed"
	wait "$talking" || fail "$1: $(cat "$T/talk")"
	check "$1: $(tail -n 1 "$T/talk")" grep -q 'bytes each way' "$T/talk"
	ended_with links 0
}
broken() { ! wait "$talking" && grep -qE 'ended at|reset by peer' "$T/talk"; }
again() { # another supervisor
	(
		status=0
		on alpha env "PMIG_FAULT=${FAULT:-}" "$BIN/pmig" "$@" links >>"$T/links.out" 2>>"$T/links.err" </dev/null || status=$?
		echo "status $status" >"$T/links.status"
	) &
}
sever() {
	local pid
	for pid in $(hosts exec "$1" pgrep -f '^sshd(-session)?: mig'); do hosts exec "$1" kill -KILL "$pid" 2>"$T/none" || true; done
}

at_last() { # HOST: a move that was begun may not be over yet, or a session be lost
	local i
	for ((i = 0; i < 200; i++)); do
		! pmig_on alpha move ${WAY:+"$WAY"} links "$1" >"$T/move" 2>&1 || break
	done
	check "on to $1" grep -q "runs on $1" "$T/move"
}
replaced() { # WORDS...: its supervisor is killed, and there is another one
	local pid
	for pid in $(hosts exec alpha pgrep -f "^$BIN/pmig run .*links"); do hosts exec alpha kill -KILL "$pid"; done
	ended_with links 137
	rm "$T/links.status"
	again "$@"
}
