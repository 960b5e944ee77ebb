#!/bin/bash
# shellcheck source=e2e/lib.sh
# soak.sh N: N moves of five different samples between three hosts with disks that forget, with several faults in every run: steps that
# fail or wait, cables cut, full disks, short writes, flipped bits. Each sample ends as one that nobody disturbed, and afterwards no
# process and no file of a hand-over is left on any host. SEED, which is printed, repeats it. A tool, not part of the test suite.
. "$(dirname "$0")/e2e/lib.sh"
[[ ${1:-} =~ ^[0-9]+$ ]] || { sed -n '3,5s/^# //p' "$0" && exit 2; }
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "SEED=$SEED"
SAMPLES=("queens 13" "stencil 60000" "workqueue 60 10" "pipeline 60000 1" "raytrace /tmp/picture.png 1200 900")
hosts_begin DISKS=power
mapfile -t faults < <("$BIN/pmig" faults --json | jq -r '.[] | .point + "=" +
	(.actions[] | select(test("kill|power") | not) | if . == "delay" then "delay:50" else . end)')

some_faults() {
	local i list=''
	for ((i = 0; i < 6; i++)); do list+=${list:+,}${faults[RANDOM % ${#faults[@]}]}; done
	echo "$list"
}

# What a sample ends with, without what depends on time.
result() { tail -n 1 "$1" | sed 's/[0-9.]* s\(econds\)\?\b//g'; }

done_moves=0 given_up=0 runs=0
declare -A expected
for sample in "${SAMPLES[@]}"; do
	# shellcheck disable=SC2086 # words
	on alpha "$BIN/samples/"$sample >"$T/undisturbed" 2>/dev/null || fail "$sample does not run"
	expected[$sample]=$(result "$T/undisturbed")
done
while [ $done_moves -lt "$1" ]; do
	sample=${SAMPLES[runs % ${#SAMPLES[@]}]} name=s$runs here=alpha list=$(some_faults)
	RUN_ENV=(PMIG_FAULT="$list")
	# shellcheck disable=SC2086 # words
	start alpha "$name" "$BIN/samples/"$sample
	for ((try = 0; try < 40; try++)); do
		next=$(printf '%s\n' home beta gamma | grep -vx "${here/alpha/home}" | sed -n "$((RANDOM % 2 + 1))p") status=0
		on alpha timeout -k 1 60 "$BIN/pmig" move "$name" "$next" --timeout 10 2>"$T/move" || status=$?
		case $status in
		0) done_moves=$((done_moves + 1)) here=$next ;;
		3 | 4 | 5) given_up=$((given_up + 1)) ;;
		*) if [ -e "$T/$name.status" ] || ! on alpha "$BIN/pmig" ps 2>/dev/null | grep -qw "$name"; then break; fi ;;
		esac
		[ ! -e "$T/$name.status" ] || break
	done
	await "$T/$name.status" '^status' 120
	[ "$(cat "$T/$name.status")" = "status 0" ] || fail "$sample with $list: $(cat "$T/$name.status" "$T/$name.err")"
	[ "$(result "$T/$name.out")" = "${expected[$sample]}" ] || fail "$sample with $list ended with: $(result "$T/$name.out")"
	runs=$((runs + 1))
done
for h in alpha beta gamma; do nothing_on "$h"; done
check "$done_moves moves of $runs runs, $given_up given up; all results as undisturbed" test "$done_moves" -ge "$1"
