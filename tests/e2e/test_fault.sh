#!/bin/bash
# shellcheck source=lib.sh
# Every fault point times every kind of fault: a program moves from one agent to another, something goes wrong at that point,
# and afterwards at most one copy ran at any time, no step was lost or done twice, and the program came to its end
# (by itself, or by `pmig recover`), unless it was killed before its image was durable at the target.
#
# FAULTS="POINT=ACTION ..." tries only those.
. "$(dirname "$0")/lib.sh"
STEPS=250
ACTIONS="fail delay:100 kill-program:source kill-program:target kill-agent:source kill-agent:target kill-supervisor cut:source cut:target"
PMIG=$BIN/pmig

# Points before which the program, or its agent at the source, may die and be dead; later its image carries on.
may_die() {
	case $1 in
	plan=* | prepare=* | prepare:done=* | freeze=* | freeze:frozen=* | freeze:done=* | ship=* | ship:half=*)
		case $2 in kill-program:source | kill-agent:source) return 0 ;; esac ;;
	activate:sent=* | activate:done=* | release:done=* | go-on=* | release=*) # it runs already: killed as any program
		case $2 in kill-program:* | kill-agent:*) return 0 ;; esac ;;
	esac
	return 1
}

# Each step once, in order; the pids in unmixed runs. A program that had begun at the target and was killed there goes on from its
# image if `pmig recover` is told to: then a new pid may repeat steps, as after any checkpoint.
check_witness() {
	local again=0
	case $2 in activate:sent=kill-* | activate:done=kill-*:target | activate:journal=kill-agent:*) again=1 ;; esac
	awk -v again=$again '$2 != pid && again && $1 <= next_step { next_step = $1 }
	     $1 != next_step++ { print "step " $1 " in line " NR; bad = 1 }
	     $2 != pid { if ($2 in seen) { print "pid " $2 " runs again"; bad = 1 }; seen[$2]; pid = $2 } END { exit bad }' "$1"
}

one() {
	local fault=$1 d=$T/case status=0 moved=0 recovered=- point=${1%%=*} action=${1#*=}
	rm -rf "$d"
	mkdir "$d"
	export PMIG_STATE=$d/home
	(
		rc=0
		PMIG_FAULT=$fault timeout -k 1 15 "$PMIG" run --name w -- "$BIN/tests/witness" "$d/witness" $STEPS >"$d/out" 2>"$d/err" </dev/null || rc=$?
		echo "$rc" >"$d/status"
	) 2>/dev/null &
	timeout 10 grep -qm1 '^2$' < <(exec tail -n +1 -s 0.02 -F "$d/out" 2>/dev/null) || fail "$fault: the program did not begin"
	timeout -k 1 15 "$PMIG" move w "local:$d/away" --timeout 5 >/dev/null 2>"$d/move" || moved=$?
	wait
	status=$(cat "$d/status")
	if [ "$status" -ne 0 ]; then
		recovered=0
		timeout -k 1 15 "$PMIG" recover w >>"$d/out" 2>"$d/recover" </dev/null || recovered=$?
	fi
	check_witness "$d/witness" "$fault" || { cat "$d"/{err,move,recover} >&2; fail "$fault: more than one copy, or a step lost"; }
	local steps
	steps=$(awk '{ seen[$1] } END { print length(seen) }' "$d/witness")
	if [ "$steps" -lt $STEPS ]; then
		may_die "$fault" "$action" || { tail -n 3 "$d"/{err,move,recover} >&2; fail "$fault: ended after $steps steps (run $status, move $moved, recover $recovered)"; }
		[ "$status" -eq 137 ] || fail "$fault: ended with $status, not 137"
	else
		[ "$status" -eq 0 ] || [ "$recovered" -eq 0 ] || fail "$fault: status $status, recover $recovered"
		check_output "$d/out" || fail "$fault: output lost"
	fi
	echo "ok - $fault: $steps steps; run ended with $status, move with $moved, recover with $recovered: $(tail -n1 "$d/move")"
}

check_output() { seq 0 $((STEPS - 1)) | cmp -s - <(sort -nu "$1"); }

matrix() {
	local point action
	local where
	while read -r point where; do
		for action in $ACTIONS; do
			case $where-$action in # a point at an agent means that agent
			source-*:target | target-*:source) ;;
			*) echo "$point=$action" ;;
			esac
		done
	done < <("$PMIG" faults --json | jq -r '.[] | .point + " " + .where')
}

# Agents that keep an exit status or an image for somebody who does not come.
sweep() {
	local pid
	for pid in $(pgrep -f "pmig-agent serve .*--state $T/"); do kill -KILL "$pid" 2>/dev/null || true; done
}

for fault in ${FAULTS:-$(matrix)}; do
	one "$fault"
	sweep
done
