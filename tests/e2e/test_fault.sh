#!/bin/bash
# shellcheck source=lib.sh
# Every fault point times every kind of fault, twice: a program moves from home to another agent, or from there to home, something
# goes wrong at that point, and afterwards
#   - at most one copy ran at any time: a record outside has the epoch, step and process of each step in the order in which
#     the kernel appended them, and there no older epoch follows a newer one, and no epoch has two processes;
#   - no step is lost or done twice, and standard output has each once;
#   - what `pmig move` said is true: 0, it ran on there; 3, 4 or 5, it never ran anywhere else;
#   - the program came to its end, by itself or because `pmig recover` was told to look after it;
#   - the table of transport/handover.c allows what both journals have (tests/model/replay.c).
# Three things are as they are for any program that is killed with SIGKILL:
#   - killed before its image is durable at the target it is dead, with 137, and `pmig recover` says so (dies());
#   - killed after it was told to run, here or there, it is dead as well, with 137 (125 if home was not told yet that it runs: then
#     run says that an image waits). If the image from which it was started is still there, `pmig recover`, and nobody else, goes
#     on from that, and what it had done since then is done once more (dies_later());
#   - output that a killed supervisor had shown and not yet acknowledged is shown again by the next one.
#
# FAULTS="POINT=ACTION ..." tries only those, WAYS=there or WAYS=back only in that direction. JOBS=N at a time, 2 if unset.
. "$(dirname "$0")/lib.sh"
# shellcheck source=faults.sh
. "$(dirname "$0")/faults.sh"
ACTIONS="fail delay:100 kill-program:source kill-program:target kill-agent:source kill-agent:target kill-supervisor cut:source cut:target
	full short corrupt:12345"
PMIG=$BIN/pmig
JOBS=${JOBS:-2}
WAYS=${WAYS:-there back}

# Agents that keep an exit status or an image for somebody who does not come.
sweep() {
	local pid
	for pid in $(pgrep -f "pmig-agent serve .*--state $1/"); do kill -KILL "$pid" 2>/dev/null || true; done
}

run() {
	local d=$1 fault=$2 from=$3 status=0
	PMIG_FAULT=$(before "$fault")$fault PMIG_FAULT_RECORD=$d/faults timeout -k 1 40 "$PMIG" run --on "$from" --name w -- \
		"$BIN/tests/witness" "$d/record" "$d/enough" >"$d/out" 2>"$d/err" </dev/null || status=$?
	echo "$status" >"$d/status"
}

one() {
	local d=$1 fault=$2 status moved=0 recovered=- outcome runner result=0 from=home to=local:$1/away
	[ "$way" = there ] || { from=$to to=home; }
	mkdir "$d"
	export PMIG_STATE=$d/home
	run "$d" "$fault" "$from" 2>/dev/null & # the shell would tell whom a signal killed
	runner=$!
	timeout 20 grep -qm1 '^2$' < <(exec tail -n +1 -s 0.02 -F --pid=$runner "$d/out" 2>/dev/null) || true
	timeout -k 1 30 "$PMIG" move w "$to" --timeout 5 >/dev/null 2>"$d/move" || moved=$?
	touch "$d/enough"
	wait $runner
	status=$(cat "$d/status")
	# Once the program ends before anybody asks: its agent keeps the rest of its output and its status.
	case $fault in plan=kill-supervisor) await "$d/record" ' end ' 20 ;; esac
	if [ "$status" -ne 0 ]; then
		recovered=0
		timeout -k 1 30 "$PMIG" recover w >>"$d/out" 2>"$d/recover" </dev/null || recovered=$?
	fi
	outcome=$(judge "$d" "$fault" "$status" "$moved" "$recovered" 2>&1) || result=1
	sweep "$d"
	"$BIN/tests/replay" "$(uname -n)=$d/home/registry.db" "local:$d/away=$d/away/registry.db" >"$d/replay" 2>&1 || result=1
	if [ $result -eq 0 ]; then
		echo "ok - $way: $fault: $outcome"
		rm -rf "$d"
	else
		echo "not ok - $way: $fault: run ended with $status, move with $moved, recover with $recovered: $outcome"
		tail -vn 3 "$d"/{err,move,recover,faults,replay} 2>/dev/null | sed 's/^/    /' || true
		outcome=WRONG
	fi
	echo "$fault $outcome" >>"$T/$way/outcomes"
}

matrix() {
	local point action where
	# What goes ahead has gone already, since all cases have one cache: tests/matrix.sh has that.
	while read -r point where suits; do
		for action in $ACTIONS; do
			[[ " $suits " == *" ${action%%:*} "* ]] || continue
			case $where-$action in # a point at an agent means that agent
			source-*:target | target-*:source) ;;
			*) echo "$point=$action" ;;
			esac
		done
	done < <("$PMIG" faults --json | jq -r '.[] | select(.point | test("^(prepare:[^d]|save:|output:file)") | not) |
		.point + " " + .where + " " + (.actions | join(" "))')
}

table() {
	awk -v actions="$ACTIONS" '
		{ point = $1; sub(/=.*/, "", point); action = $1; sub(/.*=/, "", action) }
		!(point in seen) { seen[point]; points[++rows] = point }
		{ if ($2 == "WRONG") wrong++
		  if (cell[point, action] != "WRONG") cell[point, action] = $2 }
		END { # what was tried several times shows once, as wrong if it was so once
			columns = split(actions, name, " ")
			printf "%-18s", "point"
			for (c = 1; c <= columns; c++) { short = name[c]; sub(/kill-/, "-", short); sub(/supervisor/, "superv", short); printf "%-16s", short }
			print ""
			for (p = 1; p <= rows; p++) {
				printf "%-18s", points[p]
				for (c = 1; c <= columns; c++) printf "%-16s", (points[p], name[c]) in cell ? cell[points[p], name[c]] : "."
				print ""
			}
			print "moved, stayed: it ran on there, or here; r: after `pmig recover`; killed: reported with 137; again: recovered from an image"
			print NR " faults on the way '"$way"', " wrong + 0 " wrong"
			exit wrong > 0
		}' < <(awk 'NR == FNR { place[$0] = FNR; next } { print place[$1], $0 }' <(printf '%s\n' "${faults[@]}") "$T/$way/outcomes" |
			sort -n | cut -d ' ' -f 2-)
}

worker() {
	local n
	for ((n = $1; n < ${#faults[@]}; n += JOBS)); do one "$T/$way/$n" "${faults[n]}"; done
}

mapfile -t faults < <(tr -s ' ' '\n' <<<"${FAULTS:-$(matrix)}")
harm=0
for way in $WAYS; do
	mkdir "$T/$way"
	workers=()
	for ((job = 0; job < JOBS; job++)); do
		worker "$job" &
		workers+=($!)
	done
	wait "${workers[@]}" || fail "a case was given up"
	table || harm=1
	check "each of them was tried" test "$(wc -l <"$T/$way/outcomes")" -eq ${#faults[@]}
done
check "no fault did harm" test $harm -eq 0
