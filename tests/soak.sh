#!/bin/bash
# shellcheck source=e2e/lib.sh
# soak.sh N: N moves of five different samples, and of tests/programs/witness.c, between three hosts with disks that forget; in every
# second run faults at random: steps that fail or wait, cables cut, full disks, short writes, flipped bits. Then
#   - each sample has ended as one that nobody disturbed; the witness took each step once, one copy at a time, and showed it once;
#   - after each run no process, no file of a hand-over is left on any host, no row in the registry that says otherwise;
#   - a supervisor has no more descriptors after many moves than after some, and a host no more files after many runs than after some.
# SEED, which is printed, repeats it; JOBS sets of hosts at a time, 2 if unset; SOAK is a file for the table. A tool, not part of the test suite.
. "$(dirname "$0")/e2e/lib.sh"
# shellcheck source=e2e/faults.sh
. "$(dirname "$0")/e2e/faults.sh"
[[ ${1:-} =~ ^[0-9]+$ ]] || { sed -n '3,8s/^# //p' "$0" && exit 2; }
SEED=${SEED:-$RANDOM}
JOBS=${JOBS:-2}
FAULTS=3     # in a run that has any
RUN_MOVES=60 # at most; afterwards it is left to end
SAMPLES=("queens 13" "stencil 25000" "workqueue 100 10" "pipeline 4000000 1" "raytrace /tmp/picture.png 1600 1200" witness)
mapfile -t faults < <("$BIN/pmig" faults --json | jq -r '.[] | .point + "=" +
	(.actions[] | select(test("kill|power") | not) | if . == "delay" then "delay:50" else . end)')

some_faults() {
	local i list=''
	for ((i = 0; i < FAULTS; i++)); do list+=${list:+,}${faults[RANDOM % ${#faults[@]}]}; done
	echo "$list"
}

# What a sample ends with, without what depends on time.
result() { tail -n 1 "$1" | sed 's/[0-9.]* s\(econds\)\?\b//g'; }

# In alpha: moves NAME to and fro until it has ended, has moved MOST times, or four moves in a row were given up. Prints how often it moved,
# how often it did not, and the descriptors of its supervisor each time that it was at home.
# shellcheck disable=SC2016 # for the shell over there
MOVES='
pmig=$1 name=$2 most=$3 RANDOM=$4 here=home moved=0 stayed=0 row=0 fds=""
while [ $moved -lt $most ] && [ $row -lt 4 ]; do
	case $((RANDOM % 2))$here in 0home | 1gamma) next=beta ;; 1home | 0beta) next=gamma ;; *) next=home ;; esac
	status=0
	timeout -k 1 60 "$pmig" move "$name" $next --timeout 10 2>>move || status=$?
	case $status in
	0) moved=$((moved + 1)) here=$next row=0 ;;
	3 | 4 | 5) stayed=$((stayed + 1)) row=$((row + 1)) ;;
	*) if ! "$pmig" ps 2>/dev/null | grep -qw "$name"; then break; fi; row=$((row + 1)) ;;
	esac
	[ $here = home ] || continue
	pid=$(pgrep -fx -o "$pmig run --name $name -- .*") && fds+=" $(find /proc/$pid/fd -type l 2>/dev/null | wc -l)"
done
echo $moved $stayed $fds'

# leaks SAMPLE NAME: what is left after a run.
leaks() {
	local h left i
	for h in alpha beta gamma; do
		for ((i = 0; i < 200; i++)); do
			left=$(pids_on "$h" pmig-agent)$(pids_on "$h" "$1")$(pids_on "$h" pmig)
			[ -n "$left" ] || break
			read -rt 0.05 _ <>"$T/never" || true
		done
		[ -z "$left" ] || echo "processes are left on $h: $left"
		left=$(left_on "$h")
		[ -z "$left" ] || echo "files are left on $h: $left"
		copied_registry "$h" || true
	done
	left=$(on alpha "$BIN/pmig" ps 2>/dev/null | grep -w "$2" || true)
	[ -z "$left" ] || echo "a row is left: $left"
}

files_on() { hosts exec "$1" sh -c 'find /home/mig /tmp /run/user /var/tmp -xdev 2>/dev/null | grep -v "/registry\.db" | wc -l'; }

# run_sample NUMBER: a line of the table, its last word "ok" or what is wrong.
run_sample() {
	local n=$1 o name=s$1 sample list='' wrong='' moved stayed fds args
	RANDOM=$((SEED + n))
	o=$(outside "$P")
	sample=${SAMPLES[n % ${#SAMPLES[@]}]}
	[ $((n / ${#SAMPLES[@]} % 2)) -eq 0 ] || list=$(some_faults)
	rm -rf "${o:?}"/*
	RUN_ENV=(PMIG_FAULT="$list" PMIG_FAULT_RECORD="$o/faults")
	# shellcheck disable=SC2206 # words
	if [ "$sample" = witness ]; then args=("$BIN/tests/witness" "$o/record" "$o/enough"); else args=("$BIN/samples/"$sample); fi
	T=$T/$P start alpha "$name" "${args[@]}"
	for ((i = 0; i < 200; i++)); do
		! on alpha "$BIN/pmig" ps 2>/dev/null | grep -qw "$name" || break
	done
	fds=$(on alpha bash -c "cd; $MOVES" moves "$BIN/pmig" "$name" $RUN_MOVES $((SEED + n)))
	read -r moved stayed fds <<<"$fds"
	touch "$o/enough"
	await "$T/$P/$name.status" '^status' 180
	[ "$(cat "$T/$P/$name.status")" = "status 0" ] || wrong="$(cat "$T/$P/$name.status"); $(tail -n 3 "$T/$P/$name.err")"
	if [ "$sample" = witness ]; then
		wrong+=$(check_record "$o/record" '') && wrong+=$(check_output "$o/record" "$T/$P/$name.out" exact 2>&1) || true
		grep -q ' end ' "$o/record" || wrong+="; it has no end"
	elif [ "$(result "$T/$P/$name.out")" != "$(cat "$T/expected.${sample%% *}")" ]; then
		wrong+="; it ended with: $(result "$T/$P/$name.out")"
	fi
	wrong+=$(leaks "${sample%% *}" "$name")
	# shellcheck disable=SC2086 # words
	wrong+=$(few_more "descriptors of the supervisor" 6 $fds)
	echo "${sample%% *} $moved $stayed $(sort -u "$o/faults" 2>/dev/null | grep -c . || true) ${wrong:+WRONG: $list: ${wrong//$'\n'/; }}" >>"$T/lines"
	[ -z "$wrong" ] || { echo "not ok - run $n of $sample with \"$list\": $wrong" && tail -n 5 "$(hosts path alpha)/home/mig/move"; }
	rm -f "$T/$P/$name".*
	on alpha rm -f move
	[ -z "$wrong" ]
}

# few_more WHAT SOME NUMBER...: the last is not greater than the greatest of the first SOME.
few_more() {
	local what=$1 some=$2 most=0 i
	shift 2
	[ $# -gt $((some + 2)) ] || return 0
	for ((i = 1; i <= some; i++)); do [ "${!i}" -le "$most" ] || most=${!i}; done
	[ "${!#}" -le $((most + 2)) ] || echo "$what: ${!#}, not $most"
}

moves_so_far() { awk '{ n += $2 } END { print n + 0 }' "$T/lines"; }

worker() {
	local n h counts
	set_begin "$1"
	for ((n = $1; $(moves_so_far) < most; n += JOBS)); do
		run_sample "$n" || true
		for h in alpha beta gamma; do files_on "$h" >>"$T/$P/files.$h"; done
	done
	for h in alpha beta gamma; do
		mapfile -t counts <"$T/$P/files.$h"
		few_more "files on $h" 14 "${counts[@]}" | sed "s/^/hosts 0 0 0 WRONG: /" >>"$T/lines"
		echo "$h: files after each run: ${counts[*]}" >>"$T/files"
	done
}

table() {
	echo "sample       runs  moves  given up  kinds of faults that happened"
	awk '{ runs[$1]++; moves[$1] += $2; stayed[$1] += $3; faults[$1] += $4; all += $2; if (/WRONG/) { wrong++; words[wrong] = $0 } }
		END { for (s in runs) printf "%-10s %6d %6d %9d %6d\n", s, runs[s], moves[s], stayed[s], faults[s]
			for (i = 1; i <= wrong; i++) print words[i]
			print all " moves of " NR " runs, " wrong + 0 " violations" }' "$T/lines"
	cat "$T/files" 2>/dev/null || true
}

most=$1
sets_begin
echo "SEED=$SEED"
touch "$T/lines"
for sample in "${SAMPLES[@]}"; do
	# shellcheck disable=SC2086 # words
	[ "$sample" = witness ] || { (cd "$T" && "$BIN/samples/"$sample >undisturbed 2>/dev/null) || fail "$sample does not run"; result "$T/undisturbed" >"$T/expected.${sample%% *}"; }
done
sets_run "$JOBS" "a run was given up"
table | tee "${SOAK:-$T/table}"
check "results, epochs and what is left are as they must be (SEED=$SEED)" test "$(grep -c WRONG "$T/lines")" -eq 0
