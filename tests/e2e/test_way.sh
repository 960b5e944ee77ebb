#!/bin/bash
# shellcheck source=lib.sh
# The way to the target is measured on the session that is open anyway: quickly, and well enough for a decision about it.
. "$(dirname "$0")/lib.sh"
hosts_begin

pmig_on alpha run --name held -- "$BIN/tests/holds" nothing </dev/null >"$T/held.out" 2>"$T/held.err" &
await "$T/held.out" .
t pmig_on alpha plan held beta >"$T/first" # deploys the agent

# plans NAME HOST: five of them, since others use this machine too. of NAME FACT N: the Nth smallest of what they say.
plans() {
	local i
	for i in 1 2 3 4 5; do pmig_on alpha plan --json held "$2" >"$T/way.$1.$i"; done
}
of() { jq -s "map($2) | sort | .[$3 - 1]" "$T/way.$1".?; }
mbits='.facts.bandwidth_bytes_per_second.value * 8 / 1000000'

# way MBIT PERCENT: what the plan says of the way is what the link was limited to, less what Ethernet, TCP and SSH add.
way() {
	hosts rate beta "$1mbit"
	plans "$1" beta
	check "$1 Mbit/s is seen as $(of "$1" "$mbits" 3), within $2 %" \
		jq -en "$(of "$1" "$mbits" 3) | . > (1 - $2 / 100) * $1 and . < (1 + $2 / 100) * $1"
	check "in $(of "$1" .milliseconds 3) ms" jq -en "$(of "$1" .milliseconds 3) < 1000"
}
way 100 15
way 400 40
way 20 25
way 40 25
hosts rate beta off
plans off beta
check "without a limit it is wider: $(of off "$mbits" 5) Mbit/s" jq -en "$(of off "$mbits" 5) > 110"
check "and was measured" test "$(of off .facts.bandwidth_bytes_per_second.source 1)" = '"measured"'

hosts delay beta 20
plans far beta
check "the round trip is seen: $(of far .facts.rtt_nanoseconds.value 1) ns" \
	jq -en "$(of far .facts.rtt_nanoseconds.value 1) | . > 38000000 and . < 80000000"
hosts delay beta off

# From beta to gamma everything passes through home: the worse of the two ways counts.
t pmig_on alpha move held beta
hosts rate beta 50mbit
plans worse gamma
check "the worse of two ways is seen: $(of worse "$mbits" 3) Mbit/s of 50" jq -en "$(of worse "$mbits" 3) | . > 35 and . < 70"
t pmig_on alpha kill -KILL held
wait || true
