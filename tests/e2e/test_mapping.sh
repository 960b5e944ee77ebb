#!/bin/bash
# shellcheck source=lib.sh
# What a program maps goes along: private, shared, of files, protected, sparse; at every safe point, and over a real move and back. What another
# process has as well is refused in words, unless a declaration consents to a snapshot.
. "$(dirname "$0")/lib.sh"

# --- a fresh process at every safe point ---
for k in 1 3; do
	PMIG_EVERY=$k PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count "$BIN/tests/maps" "$T/mapped.$k" 12 >"$T/every.$k" 2>"$T/every.err"
	check "mapped memory is as it was, $(cat "$T/count") restores" grep -qx 'all is as it was' "$T/every.$k"
	check "that was every $k. safe point" test "$(cat "$T/count")" -ge $((12 / k))
done

hosts_begin
mkfifo "$T/lines"
exec {lines}<>"$T/lines"
send() { printf '%s' "$1" >&"$lines"; }

# --- a move and back; the mapped file goes along ---
INPUT=$T/lines start alpha maps "$BIN/tests/maps" "/home/mig/mapped" 6 wait
await "$T/maps.out" '^0$'
t pmig_on alpha move maps beta
agreed maps
check "the file has moved" test "$(on beta stat -c %s mapped)" -eq 12388
expect 1 on alpha test -e mapped
send '..'
await "$T/maps.out" '^2$'
t pmig_on alpha move maps alpha
check "the file is back" test "$(on alpha stat -c %s mapped)" -eq 12388
send '....'
await "$T/maps.out" '^all is as it was'
ended_with maps 0

# --- a file that stays behind: its bytes can be had privately, its pages cannot ---
on alpha sh -c 'echo "hello, far away" >far'
INPUT=$T/lines start alpha far "$BIN/tests/mapfar" /home/mig/far
await "$T/far.out" ready
send ' '
await "$T/far.out" '^hello hello shared$'
t pmig_on alpha move far beta
agreed far
send ' '
await "$T/far.out" '^hello hello No such device$'
t pmig_on alpha move far alpha
send '.'
ended_with far 0
check "it is the file itself again" test "$(grep -c '^hello hello shared$' "$T/far.out")" -eq 2

# --- shared with another process: one value on two machines ---
INPUT=$T/lines start alpha shares "$BIN/tests/shares" nameless
await "$T/shares.out" ready
send $'x\n'
await "$T/shares.out" '^1$'
expect 3 pmig_on alpha move shares beta
says 'distributed shared memory'
send $'x\n'
await "$T/shares.out" '^2$'
send $'end\n'
ended_with shares 0

# --- a snapshot, by a declaration ---
INPUT=$T/lines start alpha copies "$BIN/tests/shares" nameless snapshot
await "$T/copies.out" ready
send $'x\n'
await "$T/copies.out" '^1$'
check "the plan shows a snapshot" test "$(pmig_on alpha plan --json copies beta | jq -r '.resources[] | select(.name == "the value") | "\(.strategy) \(.reason)"' |
	grep -c '^copy .*snapshot')" -eq 1
t pmig_on alpha move copies beta
send $'x\n'
await "$T/copies.out" '^2$'
send $'end\n'
ended_with copies 0

# --- the same with a name ---
INPUT=$T/lines start alpha named "$BIN/tests/shares" /pmig-live
await "$T/named.out" ready
expect 3 pmig_on alpha move named beta
says 'distributed shared memory'
send $'end\n'
ended_with named 0
INPUT=$T/lines start alpha snapped "$BIN/tests/shares" /pmig-snapshot
await "$T/snapped.out" ready
send $'x\n'
await "$T/snapped.out" '^1$'
t pmig_on alpha move snapped beta
send $'x\n'
await "$T/snapped.out" '^2$'
check "the source keeps its own" on alpha test -e /dev/shm/pmig-snapshot
send $'end\n'
ended_with snapped 0
