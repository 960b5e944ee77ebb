#!/bin/bash
# shellcheck source=lib.sh
# Images at intervals: the newest are kept, a program that was killed with all who watched it goes on from the newest whole one, with its files
# as they were then; it is never beside itself; another supervisor goes on making them; who ends well leaves none.
. "$(dirname "$0")/lib.sh"

export PMIG_STATE=$T/state
PMIG=$BIN/pmig
QUEENS=$BIN/samples/queens
"$QUEENS" 14 >"$T/undisturbed"

uuid_of() { "$PMIG" ps -a --json | jq -r --arg name "$1" '.[] | select(.name == $name) | .uuid'; }
images() { find "$1" -name '*.image' -printf '%f\n' | sort; }
number() { images "$1" | tail -n 1 | sed -E 's/.*\.0*([0-9]+)\.image$/\1/'; }

# saved DIRECTORY N: until the Nth image is there.
saved() {
	local n
	for ((;;)); do
		exec {events}< <(exec inotifywait -m -e moved_to --format %f "$1" 2>"$T/watch")
		local watcher=$!
		await "$T/watch" 'Watches established' || true
		n=$(number "$1")
		[ "${n:-0}" -ge "$2" ] || read -r -t 30 _ <&"$events" || fail "$1: no image $2: $(images "$1")"
		kill "$watcher" 2>/dev/null || true
		exec {events}<&-
		[ "${n:-0}" -lt "$2" ] || return 0
	done
}

# power_fails NAME: everything of it is killed at once: the supervisor, the agent, the program.
power_fails() {
	local uuid all
	uuid=$(uuid_of "$1")
	all=$("$PMIG" ps --json | jq -r --arg name "$1" '.[] | select(.name == $name) | .pid')
	all="$all $(pgrep -f "pmig-agent serve $uuid") $(pgrep -f "pmig (run|attach|restart) .*--name $1( |$)")"
	# shellcheck disable=SC2086 # a list of numbers
	t kill -KILL $all
	for pid in $all; do tail --pid="$pid" -f /dev/null; done
}

mkdir "$T/kept"
expect 125 "$PMIG" run --every soon -- "$QUEENS" 14
says '"soon" is no interval'
expect 125 "$PMIG" run --every 1s --keep 0 -- "$QUEENS" 14
says 'keep 0: a number'
expect 125 "$PMIG" run --keep 3 -- "$QUEENS" 14
says 'need --every'
expect 125 "$PMIG" run --every 1s --into "$T/nowhere" -- "$QUEENS" 14
says 'nowhere'

# Killed in the middle; the newest is damaged, so the one before it goes on.
t "$PMIG" run -d --every 100ms --keep 2 --into "$T/kept" --name queens -- "$QUEENS" 14
saved "$T/kept" 4
expect 3 "$PMIG" restart queens
says 'queens runs already'
power_fails queens
check "two are kept" test "$(images "$T/kept" | wc -l)" -eq 2
last=$(number "$T/kept")
newest=$T/kept/$(images "$T/kept" | tail -n 1)
check "they have the numbers of the last" test "$last" -ge 4
truncate -s -4096 "$newest"
# By now another process has its number.
t sqlite3 "$T/state/registry.db" "UPDATE processes SET pid = $$ WHERE name = 'queens'"
"$PMIG" restart queens >"$T/again" 2>"$T/stderr" </dev/null
says "$(basename "$newest").*the image before it is taken"
says 'goes on from where it was at 2'
check "it ends as an undisturbed one" cmp "$T/again" <(tail -n "$(wc -l <"$T/again")" "$T/undisturbed")
check "it had something left to do" test -s "$T/again"
check "who ends well leaves no image, and the user's directory" test -z "$(images "$T/kept")"
expect 3 "$PMIG" restart queens
says 'no image of the program was made'

# A file that it wrote to is what it was at that image; and it is saved again from then on, with higher numbers.
t "$PMIG" run -d --every 200ms --keep 3 --name grows -- "$BIN/tests/holds" growing "$T/grown"
directory=$T/state/checkpoints/$(uuid_of grows)
saved "$directory" 2
power_fails grows
last=$(number "$directory")
cp "$T/grown" "$T/grown.since"
t "$PMIG" restart -d --name grows grows
same "$T/grown.old" "$T/grown.since"
saved "$directory" $((last + 1))
size=$(stat -c %s "$T/grown")
check "it goes on from the number it was at" cmp -n "$(stat -c %s "$T/grown.since")" <(seq 1 100000 | head -c "$size") \
	<(head -c "$size" "$T/grown")
check "all are images of one process" test "$(images "$directory" | sed -E 's/\.[0-9]+\.image//' | sort -u | wc -l)" -eq 1

# A supervisor that was killed: the next one goes on.
supervisor=$(pgrep -f "pmig restart .*--name grows( |$)")
t kill -KILL "$supervisor"
tail --pid="$supervisor" -f /dev/null
last=$(number "$directory")
"$PMIG" attach grows >"$T/attached" 2>"$T/attached.err" </dev/null &
saved "$directory" $((last + 2))
check "not more than were asked for" test "$(images "$directory" | wc -l)" -le 4
t "$PMIG" kill -KILL grows
wait %1 || true
await "$T/attached.err" 'pmig restart grows. goes on from the newest image'

# An order that comes while one is made is not refused.
t "$PMIG" run -d --every 100ms --name busy -- "$QUEENS" 14
for i in 1 2 3 4 5 6; do "$PMIG" checkpoint busy -o "$T/busy.$i" 2>"$T/stderr" || { cat "$T/stderr" && fail "checkpoint $i"; }; done
t "$PMIG" kill -KILL busy
