#!/bin/bash
# shellcheck source=lib.sh
# The power of home goes while its program runs at beta, and once more in the middle of a hand-over from there to gamma; home's disk forgets what
# was not synced. `pmig attach` finds the program each time, running or frozen; no step is lost or done twice, and its exit status arrives.
. "$(dirname "$0")/lib.sh"
hosts_begin DISKS=power
O=/dev/pmig-reboot-$$ # every host sees it as its own, and no power failure touches it
mkdir -m 777 "$O"
at_end "rm -rf $O"

# attach PART: in the background, its output in PART.out
attach() {
	(
		status=0
		on alpha env "${RUN_ENV[@]}" "$BIN/pmig" attach w >"$T/$1.out" 2>"$T/$1.err" </dev/null || status=$?
		echo "status $status" >"$T/$1.status"
	) &
}

reboot() {
	t hosts power alpha
	await "$T/$1.status" '^status'
	t hosts boot alpha
}

(
	status=0
	on alpha "$BIN/pmig" run --on beta --name w -- "$BIN/tests/witness" "$O/record" "$O/enough" >"$T/first.out" 2>"$T/first.err" \
		</dev/null || status=$?
	echo "status $status" >"$T/first.status"
) &
await "$T/first.out" '^50$'
reboot first
RUN_ENV=(PMIG_FAULT=commit:sent=power:home "PMIG_FAULT_RECORD=$O/faults")
attach second
await "$T/second.out" '^300$'
on alpha "$BIN/pmig" move w gamma >"$T/move" 2>&1 &
await "$O/faults" '^commit:sent=power:home'
reboot second
RUN_ENV=()
attach third
await "$T/third.out" '[05]$'
touch "$O/enough"
await "$T/third.status" '^status'
check "its exit status arrives: $(cat "$T/third.status")" test "$(cat "$T/third.status")" = 'status 0'
check "every step was done once, and none by an older copy" awk '$1 < epoch || ($2 != "end" && $2 != step++) { exit 1 } { epoch = $1 }' "$O/record"
# What a terminal that lost its power had shown, and home had not acknowledged yet, is shown again.
check "every step was shown" cmp <(awk '$2 != "end" { print $2 }' "$O/record") <(sort -nu "$T"/{first,second,third}.out)
for part in first second third; do
	check "$part: in order, each once" awk 'NR > 1 && $1 != last + 1 { exit 1 } { last = $1 }' "$T/$part.out"
done
for host in beta gamma; do nothing_on $host; done
