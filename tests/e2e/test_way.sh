#!/bin/bash
# shellcheck source=lib.sh
# The way to the target is measured on the session that is open anyway: quickly, and well enough for a decision about it.
. "$(dirname "$0")/lib.sh"
hosts_begin

pmig_on alpha run --name held -- "$BIN/tests/holds" nothing </dev/null >"$T/held.out" 2>"$T/held.err" &
await "$T/held.out" .
t pmig_on alpha plan held beta >"$T/first" # deploys the agent

# way MBIT PERCENT: what the plan says of the way is what the link was limited to, less what Ethernet, TCP and SSH add; the median of
# five, since others use this machine too.
way() {
	local i got
	hosts rate beta "$1mbit"
	for i in 1 2 3 4 5; do pmig_on alpha plan --json held beta >"$T/way.$1.$i"; done
	got=$(jq -s 'map(.facts.bandwidth_bytes_per_second.value * 8 / 1000000) | sort | .[2]' "$T/way.$1".?)
	check "$1 Mbit/s is seen as $got, within $2 %" jq -en "$got > (1 - $2 / 100) * $1 and $got < (1 + $2 / 100) * $1"
	check "in $(jq -s 'map(.milliseconds) | sort | .[2]' "$T/way.$1".?) ms" jq -es 'map(.milliseconds) | sort | .[2] < 1000' "$T/way.$1".?
}
way 100 15
way 400 40
way 20 25
way 40 25
hosts rate beta off
pmig_on alpha plan --json held beta >"$T/way.off"
check "without a limit it is wider: $(jq .facts.bandwidth_bytes_per_second.value "$T/way.off")" \
	jq -e '.facts.bandwidth_bytes_per_second | .value > 14000000 and .source == "measured"' "$T/way.off"

hosts delay beta 20
pmig_on alpha plan --json held beta >"$T/way.far"
check "the round trip is seen: $(jq .facts.rtt_nanoseconds.value "$T/way.far")" \
	jq -e '.facts.rtt_nanoseconds | .value > 38000000 and .value < 80000000 and .source == "measured"' "$T/way.far"
hosts delay beta off

# From beta to gamma everything passes through home: the worse of the two ways counts.
t pmig_on alpha move held beta
hosts rate beta 50mbit
pmig_on alpha plan --json held gamma >"$T/way.worse"
check "the worse of two ways: $(jq .facts.bandwidth_bytes_per_second.value "$T/way.worse")" \
	jq -e '.facts.bandwidth_bytes_per_second.value * 8 / 1000000 | . > 40 and . < 60' "$T/way.worse"
t pmig_on alpha kill -KILL held
wait || true
