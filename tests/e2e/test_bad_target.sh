#!/bin/bash
# shellcheck source=lib.sh
# A target that cannot be reached, is not the known one, lets nobody in or has no room: each says why in one sentence and ends
# with its exit code, the program goes on at the source, and nothing stays at the target.
. "$(dirname "$0")/lib.sh"
hosts_begin

# Each line that it reads shows that it goes on; it ends with their number.
at=alpha state=running epoch=1
echo_begin alpha 4000000

# stays: what every move that did not come about must leave behind.
stays() {
	check "it says one thing" test "$(wc -l <"$T/stderr")" -eq 1
	goes_on
	pmig_on alpha ps --json >"$T/ps"
	check "the program goes on at $at" test "$(jq -r '.[0].host, .[0].state, .[0].epoch' "$T/ps" | tr '\n' ' ')" = "$at $state $epoch "
}

# refused STATUS PATTERN ARGS...: `pmig move ARGS...` ends with STATUS and one line that matches.
refused() {
	local status=$1 pattern=$2
	shift 2
	expect "$status" pmig_on alpha move "$@"
	says "^pmig move: $pattern"
	stays
}

# --- not to be reached ---
refused 2 "'beta:0' is not a target; write " echo beta:0
refused 4 'plan: nowhere\.invalid: cannot resolve the name: ' echo nowhere.invalid
refused 4 'plan: nowhere\.invalid: .*Could not resolve hostname' --ssh ssh echo nowhere.invalid
refused 4 'plan: beta:23: connection refused \(10\.77\.0\.12, port 23\)$' echo beta:23
hosts cut gamma
refused 4 'plan: gamma: no route to host \(10\.77\.0\.13, port 22\)$' echo gamma
refused 4 'plan: gamma: ssh: connect to host gamma port 22: No route to host$' --ssh ssh echo gamma
expect 4 pmig_on alpha doctor gamma
hosts mend gamma
# The way there swallows everything, and nobody says so.
t hosts exec alpha ip neigh replace 10.77.0.13 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
refused 4 'plan: gamma: no answer in time while connecting \(10\.77\.0\.13, port 22\)$' echo gamma
t hosts exec alpha ip neigh del 10.77.0.13 dev eth0

# --- not the known one, not let in ---
ssh=/home/mig/.ssh
t on alpha cp $ssh/known_hosts $ssh/kept
t on alpha sh -c "grep -v ^beta $ssh/kept >$ssh/known_hosts"
refused 4 "plan: beta: the host key .* is not in $ssh/known_hosts; run .ssh beta. once and compare" echo beta
refused 4 'plan: beta: .*; run .ssh beta. once and compare the key$' --ssh ssh echo beta
t on alpha sh -c "sed -n 's/^gamma/beta/p' $ssh/kept >$ssh/known_hosts"
for method in libssh2 ssh; do
	refused 4 "plan: beta: the host key has changed: it is not the one in $ssh/known_hosts.*somebody may stand in between" \
		--ssh $method echo beta
done
t on alpha mv $ssh/kept $ssh/known_hosts
t on beta mv $ssh/authorized_keys $ssh/kept
refused 4 "plan: beta: sshd does not let mig in; tried .*$ssh/id_ed25519" echo beta
refused 4 'plan: beta: mig@beta: Permission denied' --ssh ssh echo beta
t on beta mv $ssh/kept $ssh/authorized_keys

# --- not to be installed there ---
t on beta mkdir -p .cache
t on beta chmod 500 .cache
refused 3 'plan: beta: cannot put the agent into ~/.cache/pmig: .*Permission denied' echo beta
t on beta chmod 700 .cache
hosts full beta
refused 5 'plan: beta: .*No space left on device' echo beta
hosts full beta off
for host in beta gamma; do nothing_on $host; done

# --- no room: the agent and the program are there. What the plan knows not to fit is refused with 3 before anything is
# touched; what turns out not to fit ends with 5: the state of the agent, its journal, the image. Where the image only passes
# through, it may get through before the disk is full.
no_room() {
	local host=$1 passes=${2:-no} status=0
	pmig_on alpha move echo beta 2>"$T/stderr" || status=$?
	case $passes$status in
	passes0)
		at=beta epoch=$((epoch + 1)) stages+=" none"
		goes_on
		return
		;;
	*3) says "^pmig move: plan: move refused: .* $host has .* left" ;;
	*5) says "^pmig move: .*$host.*([Nn]o space left|more bytes are needed|disk is full)" ;;
	*) cat "$T/stderr" >&2 && fail "a full disk of $host: exit status $status, neither 3 nor 5" ;;
	esac
	stays
	stages+=" $(sed -E 's/^pmig move: ([a-z]+): .*/\1/' "$T/stderr")"
}
t pmig_on alpha move echo beta
t pmig_on alpha move echo home
epoch=3 stages=
for room in 0 4096 32768 262144 1048576; do
	nothing_on beta
	hosts full beta $room
	no_room beta
	hosts full beta off
done

# From far to far nobody knows the size of the image at first, and home has a part in it.
t pmig_on alpha move echo gamma
at=gamma state=away epoch=4
hosts full beta 1048576
no_room beta
hosts full beta off
hosts full alpha 1048576
no_room alpha passes
hosts full alpha off
echo "ok - it was noticed at these steps:$stages"

echo_end
for i in $(seq $lines); do echo "$i line $i"; done >"$T/echo.want"
same "$T/echo.out" "$T/echo.want"
check "standard error is empty" test ! -s "$T/echo.err"
for host in alpha beta gamma; do nothing_on $host; done
