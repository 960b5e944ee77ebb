#!/bin/bash
# shellcheck source=lib.sh
# A supervisor that is stopped and loses its sessions, while another one attaches and moves the program on. When it goes on it is refused by
# who holds the program's listener, which keeps the other one, and ends; the program and its clients notice nothing.
. "$(dirname "$0")/lib.sh"
hosts_begin 'HIDE=/usr/lib/*/libpmig*'

(
	status=0
	on alpha "$BIN/pmig" run --on beta --name web -- "$BIN/tests/web" 7060 >"$T/web.out" 2>"$T/web.err" </dev/null || status=$?
	echo "status $status" >"$T/web.status"
) &
shell=$!
await "$T/web.out" ready
t pmig_on alpha move web gamma
on alpha curl -sSN http://beta:7060/events >"$T/events" 2>"$T/events.err" &
events=$!
await "$T/events" '^data: 10 gamma'
goes_on() { # HOST
	local number
	number=$(grep -c data: "$T/events")
	await "$T/events" "^data: $((number + 20)) $1"
	check "at $1, no event missing or twice" awk '/data:/ && $2 != ++n { exit 1 }' "$T/events"
	check "a new client is answered by $1" test "$(on alpha curl -sS --max-time 30 http://beta:7060/host | cut -d ' ' -f 1)" = "$1"
}

first=$(hosts exec alpha pgrep -f "^$BIN/pmig run --on beta")
t hosts exec alpha kill -STOP "$first"
for host in beta gamma; do
	for pid in $(hosts exec $host pgrep -f '^sshd(-session)?: mig'); do hosts exec $host kill -KILL "$pid" 2>"$T/none" || true; done
done
(
	status=0
	on alpha "$BIN/pmig" attach web >"$T/second.out" 2>"$T/second.err" </dev/null || status=$?
	echo "status $status" >"$T/second.status"
) &
goes_on gamma
t pmig_on alpha move web alpha
goes_on alpha

t hosts exec alpha kill -CONT "$first"
ps -o pid= --ppid "$shell" | xargs kill -CONT # nsenter(1) stops with what it has started
ended_with web 125
check "it says why: $(cat "$T/web.err")" grep -q 'another supervisor has moved it on; `pmig attach web` finds it' "$T/web.err"
goes_on alpha
t pmig_on alpha move web gamma
goes_on gamma
check "the other one is there still" test ! -e "$T/second.status"
t pmig_on alpha kill -TERM web
ended_with second 143
wait $events || true
