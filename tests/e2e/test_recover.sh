#!/bin/bash
# shellcheck source=lib.sh
# beta is cut off in the middle of three commits, and nobody can know whether it has the programs. `pmig recover` shows that, and a person decides
# that they go on at alpha. When beta is back, what came of them there is ended by its epoch: one had only been claimed, one had run
# there all the time, and one had ended at alpha before. Half of its time passes until who waits is told of a doubt.
. "$(dirname "$0")/lib.sh"
hosts_begin
O=/dev/pmig-recover-$$ # every host sees it as its own
mkdir -m 777 "$O"
at_end "rm -rf $O"
check "nothing is in doubt" test "$(pmig_on alpha recover --json)" = '[]'

# attached NAME LOG ARGUMENT...: pmig recover in the background, its end in NAME.status
attached() {
	local name=$1 log=$2 status=0
	shift 2
	on alpha "$BIN/pmig" recover "$@" "$name" >>"$T/$name.out" 2>"$T/$name.$log" </dev/null || status=$?
	echo "status $status" >"$T/$name.$log.status"
}

declare -A point=([claimed]=commit:journal [runs]=activate:sent [gone]=commit:claimed) enough=([claimed]=enough [runs]=enough [gone]=gone-enough) moves
for name in claimed runs gone; do
	RUN_ENV=("PMIG_FAULT=${point[$name]}=delay:9000")
	start alpha $name "$BIN/tests/witness" "$O/$name" "$O/${enough[$name]}"
	await "$T/$name.out" '^2$'
done
for name in claimed runs gone; do
	on alpha "$BIN/pmig" move $name beta >"$T/$name.move" 2>&1 &
	moves[$name]=$!
	timeout 20 "$PMIG_SOURCE/tests/hosts.sh" as beta sh -c \
		"until grep -qs '^${point[$name]}=delay' .local/state/pmig/faults .local/state/pmig/*/faults; do :; done" ||
		fail "${point[$name]} was not reached"
done
t hosts cut beta
attached claimed asks & # both ends are asked again
ended_with claimed 125
for name in claimed runs gone; do ! wait "${moves[$name]}" || fail "the move of $name is said to have gone well"; done
rm "$T/claimed.status"
await "$T/claimed.asks" 'pmig: claimed is frozen: beta was asked.* .pmig recover. has what can be done'
says_doubt() {
	jq -e 'map(select(.process == "claimed")) | length == 1 and (.[0] | .state == "in doubt" and .source == "alpha" and .target == "beta" and
		.epoch == 2 and .source_reached and (.target_reached | not) and .supervised)' <(pmig_on alpha recover --json) >"$T/jq"
}
check "what is in doubt, as JSON" says_doubt
pmig_on alpha recover >"$T/list"
check "and for people: $(grep -m1 'to do' "$T/list")" grep -q "pmig recover --here claimed" "$T/list"

expect 125 on alpha "$BIN/pmig" recover --here claimed
says 'TWO COPIES'
check "that decided nothing" says_doubt
for name in claimed runs gone; do attached $name here --here --i-know-that-two-may-run & done
for name in claimed runs gone; do
	await "$T/$name.here" "$name goes on at alpha"
	number=$(wc -l <"$T/$name.out")
	timeout 20 sh -c "until [ \$(wc -l <'$T/$name.out') -gt $((number + 5)) ]; do :; done" || fail "$name does not go on"
done
await "$T/claimed.asks.status" 'status 125'
check "what was given up is not forgotten" jq -e 'length == 3 and all(.[]; .state == "given up" and .target == "beta")' \
	<(pmig_on alpha recover --json)
expect 3 on alpha "$BIN/pmig" move claimed beta
says 'may run on beta'
number=$(grep -c '^2 ' "$O/runs")
timeout 20 sh -c "until [ \$(grep -c '^2 ' $O/runs) -gt $((number + 5)) ]; do :; done" || fail "no copy runs at beta"
echo "ok - meanwhile two run, as was said"

touch "$O/gone-enough"
await "$T/gone.here.status" '^status 0'
check "who ends first says who is to be asked" grep -q 'gone that was given up may still run at beta: .pmig recover gone. asks' "$T/gone.here"
pmig_on alpha recover >"$T/list"
check "and so does the list" grep -q 'to do: pmig recover gone, which asks the target until it answers' "$T/list"
attached gone late &
t hosts mend beta
await "$T/claimed.here" 'claimed at beta: it had not begun there, and never will'
await "$T/gone.late" 'gone at beta: it had not begun there, and never will'
await "$T/gone.late.status" '^status 0'
await "$T/runs.here" 'runs at beta: it had run there as well .* that copy was ended'
check "no copy is left at beta" test -z "$(pids_on beta witness)"
check "nothing is in doubt any more" test "$(pmig_on alpha recover --json)" = '[]'
t pmig_on alpha move runs beta
touch "$O/enough"
for name in claimed runs; do
	await "$T/$name.here.status" '^status 0'
	check "$name: each step was shown once" cmp <(awk '$1 != 2 && $2 != "end" { print $2 }' "$O/$name") "$T/$name.out"
done
check "claimed never ran at beta" test "$(cut -d ' ' -f 1 "$O/claimed" | sort -nu | tr '\n' ' ')" = '1 '
check "the copy that was given up did not come back" test "$(cut -d ' ' -f 1 "$O/runs" | sort -nu | tr '\n' ' ')" = '1 2 4 '
nothing_on beta
