#!/bin/bash
# shellcheck source=lib.sh source=talks.sh
# Sessions are lost while bytes of connections run, the supervisor is killed, and on the way home hand-overs go wrong: peers, which are not
# changed, notice nothing, and every byte is compared both ways. Where the agent that holds the sockets is killed, both sides find their
# connections broken, and the user is told.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/talks.sh"
hosts_begin

begin ''
t pmig_on alpha move links beta
sever beta
at_last gamma
sever gamma
replaced attach
stop "lost sessions, and another supervisor"

# The way home, where the program has its own sockets again.
for FAULT in restore=fail commit:sent=cut:source activate:done=cut:target; do
	begin ''
	t pmig_on alpha move links beta
	replaced attach
	pmig_on alpha move links alpha >"$T/move" 2>&1 || true
	at_last gamma
	at_last alpha
	stop "home, $FAULT"
done
FAULT=

begin ''
t pmig_on alpha move links beta
for pid in $(pids_on alpha pmig-agent); do hosts exec alpha kill -KILL "$pid"; done
await "$T/links.err" 'is lost: the agent at alpha was ended'
check "the peers find their connections ended" broken
await "$T/links.status" '^status'
check "the program finds them reset" test "$(grep -c 'over: .*Connection reset by peer' "$T/links.out")" -eq 3
for host in alpha beta; do nothing_on $host; done
