#!/bin/bash
# shellcheck source=e2e/lib.sh
# matrix.sh: fault points times kinds of faults on three test hosts with disks that forget (tests/powerdisk.c). A program of
# tests/programs/witness.c is moved there (alpha, home, to beta), back, or across (beta to gamma), one thing goes wrong, and then
#   - at most one copy ran at any time: every step is in a record outside of all hosts, with its epoch;
#   - it came to its end, by itself or because `pmig recover` went on from a durable image, unless it was dead as any killed program;
#   - no step and no output is lost or doubled, except where ARCHITECTURE.md says so, and what `pmig move` said is true;
#   - `pmig registry verify` has nothing against the registry of any host, the table of hand-overs allows what their journals have
#     (tests/model/replay.c), and no process, image or half file is left on one.
#
#   matrix.sh --all              every case that a move can meet; prints a table, which is also in the file MATRIX, if that is set
#   matrix.sh --seconds N        cases in random order for so long; SEED, which is printed, repeats them
#   matrix.sh WAY:POINT=ACTION.. these
# JOBS sets of hosts at a time, 2 if unset.
. "$(dirname "$0")/e2e/lib.sh"
# shellcheck source=e2e/faults.sh
. "$(dirname "$0")/e2e/faults.sh"
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
JOBS=${JOBS:-2}
ACTIONS="fail delay:100 kill-program:source kill-program:target kill-agent:source kill-agent:target kill-supervisor cut:source cut:target
	power:source power:target power:home full short corrupt"
STATE=.local/state/pmig

from() { case $1 in there) echo alpha ;; *) echo beta ;; esac; }
to() { case $1 in there) echo beta ;; back) echo alpha ;; *) echo gamma ;; esac; }
as_named() { if [ "$1" = alpha ]; then echo home; else echo "$1"; fi; }

cases() {
	local way point where suits action side
	while read -r point where suits; do
		for action in $ACTIONS; do
			[[ " $suits " == *" ${action%%:*} "* ]] || continue
			side=${action#*:}
			case $where-$side in source-target | target-source | source-home | target-home) continue ;; esac
			for way in there back across; do
				[ "$way-$side" = across-home ] || [ "$side" != home ] || continue # else it is one of the others
				echo "$way:$point=$action"
			done
		done
	done < <("$BIN/pmig" faults --json | jq -r '.[] | select(.point | test("^(save:|output:file)") | not) | .point + " " + .where + " " + (.actions | join(" "))')
}

# The same order for the same seed.
shuffled() { awk -v seed="$SEED" 'BEGIN { srand(seed) } { print rand() "\t" $0 }' | sort -k1,1g | cut -f 2-; }

# clear_host HOST "TARGET FAULT": nothing of an earlier case is left there.
clear_host() {
	local pid
	for pid in $(pids_on "$1" pmig-agent) $(pids_on "$1" witness); do hosts exec "$1" kill -KILL "$pid" 2>/dev/null || true; done
	on "$1" rm -rf $STATE
	case $2 in "$1 "prepare:*) on "$1" rm -rf .cache/pmig ;; esac # what goes ahead goes once
	on "$1" find .cache/pmig -name '*.part' -delete 2>/dev/null || true
}

# Turns the power of HOST off and on again; of what was not synced every second seed leaves a part.
fail_power() {
	local seed=$((SEED % 1000 + $2))
	if [ $((seed % 2)) -eq 0 ]; then hosts power "$1"; else hosts power "$1" "$seed"; fi
	touch "$(outside "$P")/faults.on"
	hosts boot "$1"
}

# The lines of faults that happened, on whichever host.
happened() {
	local h root
	cat "$(outside "$P")/faults" "$T/$P/seen" 2>/dev/null || true
	for h in alpha beta gamma; do
		root=$(hosts path "$h" 2>/dev/null) || continue
		cat "$root/home/mig/$STATE/faults" "$root/home/mig/$STATE"/*/faults 2>/dev/null || true
	done
}

# watch_power WAY NUMBER PID...: while one of them lives: the hand on the switch.
watch_power() {
	local way=$1 number=$2 side host
	shift 2
	while kill -0 "$@" 2>/dev/null; do
		side=$(happened | sed -n 's/.*=power://p' | head -n 1)
		case $side in
		'') read -rt 0.03 _ <>"$T/never" || true ;;
		*)
			case $side in source) host=$(from "$way") ;; target) host=$(to "$way") ;; *) host=alpha ;; esac
			happened >"$T/$P/seen" # a host's own record is not synced
			fail_power "$host" "$number"
			echo "$host" >"$T/$P/power"
			return
			;;
		esac
	done
}

verify_registries() {
	local h journals=()
	for h in alpha beta gamma; do
		copied_registry "$h" || return 1
		[ ! -e "$T/$P/registry.$h" ] || journals+=("$h=$T/$P/registry.$h/registry.db")
	done
	"$BIN/tests/replay" "${journals[@]}"
}

# leaked FAULT: what is left once the program has come to its end; agents get a moment to end. Of a file that was on its way when the
# connection, the agent or the supervisor went, the half that arrived is kept: the next that is sent goes on from there.
leaked() {
	local h left i half='^$'
	[[ ! $1 =~ =(kill-agent|kill-supervisor|power|cut) ]] || half='/\.cache/pmig/[0-9a-f]+/[^/]+\.part$'
	for h in alpha beta gamma; do
		for ((i = 0; i < 100; i++)); do
			left=$(pids_on "$h" pmig-agent)$(pids_on "$h" witness)
			[ -n "$left" ] || break
			read -rt 0.05 _ <>"$T/never" || true
		done
		[ -z "$left" ] || { echo "processes are left on $h: $left" && return 1; }
		left=$(left_on "$h" | grep -vE "$half" || true)
		[ -z "$left" ] || { echo "files are left on $h: $left" && return 1; }
	done
}

# With the power go the program, its agent and what they had not told anybody: the kill that is most like it, for faults.sh.
like_kill() { case $1 in *=power:home) echo "${1%%=*}=kill-supervisor" ;; *) echo "${1/=power/=kill-agent}" ;; esac; }

verdict() {
	local d=$1 way=$2 fault=$3 status=$4 moved=$5 recovered=$6 like lost_home='' words words2 last ended=''
	like=$(like_kill "$fault")
	[[ $like == *:source || $like == *:target || $like != *=kill-agent ]] || like=$like:$("$BIN/pmig" faults --json |
		jq -r --arg p "${fault%%=*}" '.[] | select(.point == $p) | .where')
	happened | grep -q "^${fault%%=*}=" || { [[ $fault == prepare:* ]] && echo unreached && return; echo "the point was not reached" && return 1; }
	if [[ $fault == prepare:* && $status = 125 && ! -s $d/record ]]; then echo unstarted && return; fi # it went wrong when it was brought to where it begins
	[ "$(cat "$T/$P/power" 2>/dev/null)" != alpha ] || lost_home=1
	[ ! -s "$d/record" ] || grep -q ' end ' "$d/record" && ended=1
	if [ -z "$lost_home" ]; then
		last=${like#*=}
		echo "${like%%=*}=${last%%:*}" >>"$d/faults" # what judge() looks for
		words=$(judge "$d" "$like" "$status" "$moved" "$recovered" 2>&1) || { echo "$words" && return 1; }
	else
		# The terminal went with home: what it had shown is not asked for, but steps are.
		check_record "$d/record" 1 || return 1
		if [ -n "$ended" ]; then words=ended; else words=killed; fi
		[ -n "$ended" ] || [ "$recovered" != 0 ] || { echo "recover ended with 0, and it did not come to its end" && return 1; }
		# An image that was durable elsewhere must have gone on.
		[ -n "$ended" ] || dies "$like" || dies_later "$like" || { echo "it did not come to its end" && return 1; }
	fi
	words2=$(verify_registries) || { echo "$words2" && return 1; }
	if [ -n "$ended" ]; then words2=$(leaked "$fault") || { echo "$words2" && return 1; }; fi
	echo "$words"
}

one() {
	local number=$1 way=${2%%:*} fault=${2#*:} d status moved=0 recovered=- outcome runner mover watcher='' h o
	d=$T/$P/$number o=$(outside "$P")
	mkdir "$d"
	rm -rf "${o:?}"/* "$T/$P/power" "$T/$P/seen"
	for h in alpha beta gamma; do clear_host "$h" "$(to "$way") $fault"; done
	case $fault in *=corrupt) set -- "$1" "$2" ":$((SEED % 100000 + number))" ;; *) set -- "$1" "$2" '' ;; esac
	(
		status=0
		on alpha env PMIG_FAULT="$(before "$fault")$fault$3" PMIG_FAULT_RECORD="$o/faults" timeout -k 1 60 "$BIN/pmig" run \
			--on "$(as_named "$(from "$way")")" --name w -- "$BIN/tests/witness" "$o/record" "$o/enough" \
			>"$d/out" 2>"$d/err" </dev/null || status=$?
		echo $status >"$d/status"
	) 2>/dev/null &
	runner=$!
	timeout 20 grep -qm1 '^2$' < <(exec tail -n +1 -s 0.02 -F "$d/out" 2>/dev/null) || true
	(
		status=0
		on alpha timeout -k 1 40 "$BIN/pmig" move w "$(as_named "$(to "$way")")" --timeout 5 >/dev/null 2>"$d/move" || status=$?
		echo $status >"$d/moved"
	) 2>/dev/null &
	mover=$!
	if [[ $fault == *=power* ]]; then
		watch_power "$way" "$number" $mover $runner &
		watcher=$!
	fi
	wait $mover || true
	moved=$(cat "$d/moved")
	touch "$o/enough"
	wait $runner || true
	[ -z "$watcher" ] || wait "$watcher" || true
	status=$(cat "$d/status")
	if [ "$status" -ne 0 ]; then
		case $fault in plan=kill-supervisor) await "$o/record" ' end ' 20 ;; esac
		recovered=0
		on alpha timeout -k 1 40 "$BIN/pmig" recover w >>"$d/out" 2>"$d/recover" </dev/null || recovered=$?
	fi
	cp "$o/record" "$d/record" 2>/dev/null || : >"$d/record"
	happened >"$d/faults"
	local result=0
	outcome=$(verdict "$d" "$way" "$fault" "$status" "$moved" "$recovered" 2>&1) || result=1
	if [ $result -eq 0 ]; then
		echo "ok - $way: $fault: $outcome"
		rm -rf "$d"
	else
		echo "not ok - $way: $fault: run ended with $status, move with $moved, recover with $recovered: $outcome"
		tail -vn 3 "$d"/{err,move,recover,faults,record} 2>/dev/null | sed 's/^/    /' || true
		outcome=WRONG
	fi
	echo "$way $fault ${outcome//[$' \n']/_}" >>"$T/outcomes"
}

worker() {
	local n
	set_begin "$1"
	for ((n = $1; n < ${#all[@]}; n += JOBS)); do
		[ "$SECONDS" -lt "$until" ] || break
		one "$n" "${all[n]}" || fail "${all[n]}: the case was given up"
	done
}

table() {
	awk '
		{ point = $2; sub(/=.*/, "", point); action = $2; sub(/[^=]*=/, "", action); sub(/:[0-9]+$/, "", action) }
		!(point in seen) { seen[point]; points[++rows] = point }
		!(action in known) { known[action]; name[++columns] = action }
		{ word = $3; if (word == "WRONG") wrong++
		  if (cell[point, action] == "") cell[point, action] = word
		  else if (index(" " cell[point, action] " ", " " word " ") == 0) cell[point, action] = cell[point, action] "/" word }
		END {
			for (p = 1; p <= rows; p++) {
				print points[p]
				for (c = 1; c <= columns; c++)
					if ((points[p], name[c]) in cell) printf "    %-22s %s\n", name[c], cell[points[p], name[c]]
			}
			print "moved, stayed: it ran on there, or here; r: after `pmig recover`; killed: dead as any killed program; again: recovered from an image; ended: it came to its end, home having lost its power"
			print NR " faults, " wrong + 0 " violations"
			exit wrong > 0
		}' "$T/outcomes"
}

until=1000000
case ${1:-} in
--all) mapfile -t all < <(cases | shuffled) ;;
--seconds)
	until=$((SECONDS + $2))
	mapfile -t all < <(cases | shuffled)
	;;
'' | -*) sed -n '3,/^\./p' "$0" | sed '$d;s/^# \{0,1\}//' && exit 2 ;;
*) all=("$@") ;;
esac
sets_begin
echo "SEED=$SEED: ${#all[@]} cases"
touch "$T/outcomes"
[ "$JOBS" -le "${#all[@]}" ] || JOBS=${#all[@]}
sets_run "$JOBS" "a case was given up"
harm=0
table >"$T/table" || harm=1
cat "$T/table"
[ -z "${MATRIX:-}" ] || cp "$T/table" "$MATRIX"
check "no fault did harm (SEED=$SEED)" test $harm -eq 0
