#!/bin/bash
# shellcheck source=lib.sh
# The connection is lost while an image is on its way: whoever waits is told so, the program goes on, and can be saved and moved again.
. "$(dirname "$0")/lib.sh"
hosts_begin

echo_begin alpha 8000000
t pmig_on alpha move echo beta
goes_on

# lost OPTION...: the way to beta is killed when the first bytes of the image have come.
lost() {
	local saving status=0 i pid
	t hosts rate beta 10mbit
	timeout 30 "$PMIG_SOURCE/tests/hosts.sh" as alpha "$BIN/pmig" checkpoint "$@" echo -o image 2>"$T/checkpoint" &
	saving=$!
	for ((i = 0; i < 300; i++)); do
		! on alpha sh -c 'test -s image.part' || break
		read -r -t 0.02 _ <>"$T/nothing" || true
	done
	for pid in $(hosts exec beta pgrep -f 'pmig-agent connect'); do t hosts exec beta kill -KILL "$pid"; done
	wait $saving || status=$?
	check "pmig checkpoint $* says that the connection was lost (4, $(cat "$T/checkpoint"))" test $status -eq 4
	t hosts rate beta off
	goes_on
}
mkfifo "$T/nothing"
lost
lost --stop
t pmig_on alpha checkpoint echo -o image
t pmig_on alpha move echo alpha
goes_on
echo_end
