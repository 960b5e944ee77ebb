#!/bin/bash
# shellcheck source=lib.sh
# From one far host to another, the way to the source is lost while the image passes through home, and it takes longer than a moment to be
# there again: the image goes on where it was, and the program with it.
. "$(dirname "$0")/lib.sh"
hosts_begin

echo_begin alpha 6000000
t pmig_on alpha move echo beta
goes_on
t hosts rate gamma 10mbit
t hosts delay beta 150
timeout 50 "$PMIG_SOURCE/tests/hosts.sh" as alpha "$BIN/pmig" move echo gamma 2>"$T/move" &
moving=$! status=0
mkfifo "$T/nothing"
for ((i = 0; i < 1000; i++)); do
	! on gamma sh -c 'find .local/state/pmig -name "*.[0-9].part" -size +64k | grep -q .' || break
	read -r -t 0.02 _ <>"$T/nothing" || true
done
for pid in $(hosts exec beta pgrep -f 'pmig-agent connect'); do t hosts exec beta kill -KILL "$pid"; done
wait $moving || status=$?
check "it has moved all the same: $(cat "$T/move")" test $status -eq 0
t hosts delay beta off
t hosts rate gamma off
goes_on
echo_end
