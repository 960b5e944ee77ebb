# shellcheck shell=bash
# shellcheck source=lib.sh
# cells.sh: what the tests of the nine cells share, after lib.sh: programs of samples/nine on their way over the three hosts, each
# with its plan beforehand, its own proof on every host, and the journal agreeing with the plan.
#
#	run_sample identifier_unattached log ~/my.log  # under the name "log", on alpha; it has proven itself twice when this returns
#	hop log beta log move 'by identifier, unattached'
#
# The samples print a line for each round: its number, the host, and what they found; WRONG if that is not what their binding promises.
NINE=$BIN/samples/nine
# For the tests that source this.
# shellcheck disable=SC2034
USER_HOME=/home/mig

# The number of the last round that NAME has told of.
round_of() { tail -n 1 "$T/$1.out" | cut -d ' ' -f 1; }

# proves NAME HOST: it tells of two more rounds on this host, and nothing was ever wrong.
proves() {
	local name=$1 host=$2 out status=0 follower
	exec {out}< <(exec tail -s 0.02 -n "+$(($(wc -l <"$T/$name.out") + 1))" -F "$T/$name.out" 2>/dev/null)
	follower=$!
	timeout 20 grep -qm2 -E "^[0-9]+ $host: " <&"$out" || status=$?
	kill "$follower" 2>/dev/null || true
	exec {out}<&-
	[ $status -eq 0 ] || fail "$name says nothing more on $host; last: $(tail -n 2 "$T/$name.out"); $(cat "$T/$name.err")"
	check "$name proves on $host: $(tail -n 1 "$T/$name.out" | cut -d ' ' -f 3-)" test "$(grep -c WRONG "$T/$name.out")" = 0
}

# run_sample PROGRAM NAME ARGUMENT...
run_sample() {
	local program=$1 name=$2
	shift 2
	start alpha "$name" "$NINE/$program" "$@"
	await "$T/$name.out" '^2 alpha: '
}

matches() { [[ $1 =~ $2 ]]; }

# planned NAME HOST RESOURCE STRATEGY CELL [OPTION...]: what the plan says of it, in $T/NAME.decision as well; STRATEGY keep is a
# reference at no cost. Both are regular expressions.
planned() {
	local name=$1 host=$2 resource=$3 strategy=$4 cell=$5 got
	shift 5
	pmig_on alpha plan --json "$@" "$name" "$host" >"$T/$name.plan" || fail "no plan of $name for $host: $(cat "$T/$name.plan")"
	jq --arg r "$resource" '.resources[] | select(.name == $r)' "$T/$name.plan" >"$T/$name.decision"
	got=$(jq -r '"\(if .kept then "keep" else .strategy end) \(.cell)"' "$T/$name.decision")
	check "plan for $host: $resource: $got: $(jq -r .reason "$T/$name.decision")" matches "$got" "^($strategy) $cell\$"
	check "with a reason" test -n "$(jq -r ".reason" "$T/$name.decision")"
}

# hop NAME HOST RESOURCE STRATEGY CELL [OPTION...]: the plan, the move, that they agree, and the proof there.
hop() {
	planned "$@"
	t pmig_on alpha move "${@:6}" "$1" "$2"
	agreed "$1"
	proves "$1" "$2"
}

# refuses NAME HOST SENTENCE [OPTION...]: neither plan nor move is possible (3), with these words; nothing was frozen, and it goes on.
refuses() {
	local name=$1 host=$2 sentence=$3
	shift 3
	expect 3 pmig_on alpha move "$@" "$name" "$host"
	says "$sentence"
	expect 3 pmig_on alpha plan "$@" "$name" "$host"
	says "$sentence"
	proves "$name" alpha
}

# referred NAME: how many references the process has.
referred() { pmig_on alpha references --json "$1" | jq length; }

# remain NAME N: so many things of it remain elsewhere, and `pmig references` shows them.
remain() { check "$1 leaves $2 behind" test "$(referred "$1")" = "$2"; }

# sees NAME PATTERN: it tells of this from now on.
sees() {
	await "$T/$1.out" "$2"
	echo "ok - $1 sees: $(tail -n 1 "$T/$1.out")"
}

# open_by_other REDIRECTION: another process of alpha has it open, until the test ends.
open_by_other() {
	rm -f "$T/other"
	on alpha sh -c "exec $1; echo open; exec tail -f /dev/null" >"$T/other" 2>&1 &
	await "$T/other" open
}

# instrument HOST AT: one there, on a line or a port; its serial number is in SERIAL, and in INSTRUMENT who runs it: our child, whose child came to the
# host and whose grandchild it is.
declare -A SERIAL INSTRUMENT
instrument() {
	local host=$1 at=$2 out=$T/instrument.$1.${2##*/}
	on "$host" sh -c '[ -x instrument ] || { cat >instrument.new && chmod +x instrument.new && mv instrument.new instrument; }' <"$NINE/instrument"
	on "$host" ./instrument "$at" >"$out" 2>&1 </dev/null &
	# shellcheck disable=SC2034 # for the tests that source this, as the next one
	INSTRUMENT[$host.$at]=$!
	await "$out" '^instrument'
	# shellcheck disable=SC2034
	SERIAL[$host.$at]=$(cut -d ' ' -f 2 "$out")
}

# finish NAME: it is ended, and no reference is left.
finish() {
	t pmig_on alpha kill -TERM "$1"
	ended_with "$1" 143
	remain "$1" 0
}
