#!/bin/bash
# shellcheck source=lib.sh source=cells.sh
# One program with all nine: alpha, beta, gamma, alpha; each of its resources goes its own way, and all are what they should be.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cells.sh"
hosts_begin

on alpha sh -c 'seq 20000 >input; seq 100000 >set'
on beta sh -c 'mkdir elsewhere; seq 100000 >elsewhere/other'
instrument alpha "$USER_HOME/line"
instrument alpha "$USER_HOME/any"
instrument beta "$USER_HOME/any.2"
instrument alpha 7007
instrument beta 8008
t pmig_on alpha registry --host beta provide instrument "$USER_HOME/any.2"
t pmig_on alpha registry --host beta provide counter 127.0.0.1:8008
t pmig_on alpha registry --host beta provide content "$USER_HOME/elsewhere"
run_sample all_nine all "$USER_HOME/input" "$USER_HOME/set" "$USER_HOME/line" "$USER_HOME/any" 127.0.0.1:7007

# decided RESOURCE: what the last plan says of it.
decided() { jq -r --arg r "$1" '.resources[] | select(.name == $r) | .strategy' "$T/all.plan"; }
# all_to HOST RESOURCE=STRATEGY...: what is planned of each, the move, that they agree, and all nine proofs.
all_to() {
	local host=$1 row
	shift
	pmig_on alpha plan --json all "$host" >"$T/all.plan" || fail "no plan for $host"
	for row; do check "to $host: $row" matches "$(decided "${row%=*}")" "^(${row#*=})\$"; done
	t pmig_on alpha move all "$host"
	agreed all
	proves all "$host"
}

all_to beta log=move database=reference instrument=reference input=copy 'data set=rebind' board=copy 'scratch=move|rebind' \
	'any counter=rebind' 'any instrument=rebind'
remain all 2
all_to gamma log=move database=reference instrument=reference input=copy 'data set=copy|reference' board=copy 'scratch=move|rebind' \
	'any counter=reference' 'any instrument=reference'
all_to alpha log=move input=copy 'data set=rebind|copy' board=copy
check "what it needs at beta is shown" jq -e 'all(.[]; .why != "")' <(pmig_on alpha references --json all)
finish all
for host in beta gamma; do nothing_on $host; done
