#!/bin/bash
# shellcheck source=lib.sh
# An image that was saved goes on: in a program that runs further, in one that was stopped, beside it as a clone; never beside
# itself, never damaged, never in another program; and what was refused has changed nothing.
. "$(dirname "$0")/lib.sh"

export PMIG_STATE=$T/state
PMIG=$BIN/pmig
QUEENS=$BIN/samples/queens
"$QUEENS" 14 >"$T/undisturbed"

# runs NAME PROGRAM...: in the background, its output in $T/NAME.out.
runs() {
	local name=$1
	shift
	(
		status=0
		"$PMIG" run --name "$name" -- "$@" <"${INPUT:-/dev/null}" >"$T/$name.out" 2>"$T/$name.err" || status=$?
		echo "status $status" >"$T/$name.status"
	) &
}

state_of() { "$PMIG" ps -a --json | jq -r --arg name "$1" '.[] | select(.name == $name) | .state'; }
is() { check "$1: $2" test "$2" = "$3"; }

# Saved while it runs on; its image is refused as long as it lives, and goes on from there when it has been killed.
runs killed "$QUEENS" 14
await "$T/killed.out" 'row 1, column  2'
t "$PMIG" checkpoint killed -o "$T/killed.image"
expect 3 "$PMIG" restart "$T/killed.image"
says 'killed runs already: --clone makes another program of its image'
check "a refusal is one sentence" test "$(wc -l <"$T/stderr")" -eq 1
check "the agent keeps no second copy" test -z "$(find "$T/state/image" -name '*.checkpoint' -size +0 -print)"
t "$PMIG" kill -KILL killed
ended_with killed 137
"$PMIG" restart "$T/killed.image" >"$T/again" </dev/null
check "a killed program ends as an undisturbed one" cmp "$T/again" <(tail -n "$(wc -l <"$T/again")" "$T/undisturbed")
is "its end is known" "$(state_of killed)" ended

# Stopped: nothing is lost or doubled.
runs queens "$QUEENS" 14
await "$T/queens.out" 'row 0, column  0'
t "$PMIG" checkpoint --stop queens -o "$T/queens.image"
ended_with queens 124
says_queens() { grep -q "waits in $T/queens.image" "$T/queens.err"; }
check "it says where its image is" says_queens
is "ps knows that it waits" "$(state_of queens)" "image waits"
is "and where" "$("$PMIG" ps --json | jq -r '.[] | select(.name == "queens") | .image')" "$T/queens.image"

# What fails while it is stopped lets it go on, whatever was promised already.
PMIG_FAULT=commit:promised=fail runs stays "$QUEENS" 14
await "$T/stays.out" 'row 0, column  0'
expect 5 "$PMIG" checkpoint --stop stays -o "$T/stays.image"
ended_with stays 0
same "$T/stays.out" "$T/undisturbed"

# Damaged images and other programs are refused, and nothing has changed.
size=$(stat -c %s "$T/queens.image")
head -c $((size - 5000)) "$T/queens.image" >"$T/truncated"
for offset in 200 $((size / 2)) $((size - 100)); do
	cp "$T/queens.image" "$T/flipped"
	byte=$(od -An -tu1 -j "$offset" -N 1 "$T/flipped")
	printf '%b' "\\x$(printf %02x $((byte ^ 16)))" | dd of="$T/flipped" bs=1 seek="$offset" conv=notrunc status=none
	expect 3 "$PMIG" restart "$T/flipped" </dev/null
	check "a refusal is one sentence: $(cat "$T/stderr")" test "$(wc -l <"$T/stderr")" -eq 1
done
expect 3 "$PMIG" restart "$T/truncated" </dev/null
expect 3 "$PMIG" restart "$T/no-such-file" </dev/null
expect 3 "$PMIG" restart "$T/queens.image" -- "$BIN/samples/raytrace" </dev/null
says 'another program'
expect 3 "$PMIG" restart "$T/queens.image" -- /bin/true </dev/null
is "it waits as before" "$(state_of queens)" "image waits"

# What may live elsewhere is not started a second time.
# recorded_as STATE PID WORDS: as a registry says that was not told the end of it.
recorded_as() {
	t sqlite3 "$T/state/registry.db" "UPDATE processes SET state = $1, pid = $2 WHERE name = 'queens'"
	expect 3 "$PMIG" restart "$T/queens.image" </dev/null
	says "$3"
}
"$QUEENS" 16 >"$T/alive" &
alive=$!
recorded_as 3 $alive 'queens is frozen and may go on: .pmig attach queens. finds out'
recorded_as 4 $alive 'queens is frozen and may go on: .pmig attach queens. finds out'
t kill $alive
recorded_as 6 0 'queens runs elsewhere, or may: .pmig attach queens. finds out; --clone makes another program of it'
t sqlite3 "$T/state/registry.db" "UPDATE processes SET state = 5, pid = 0 WHERE name = 'queens'"
check "no copy of an image was left" test -z "$(find "$T/state/image" -name '*.[0-9]*' -print)"

# A clone is another program, with a name of its own; the one that was saved still waits.
"$PMIG" restart --clone "$T/queens.image" </dev/null >"$T/clone.out"
cat "$T/queens.out" "$T/clone.out" >"$T/cloned"
same "$T/cloned" "$T/undisturbed"
is "a clone has another name" "$(state_of queens-2)" ended
is "the one that was saved still waits" "$(state_of queens)" "image waits"
is "they are two" "$("$PMIG" ps -a --json | jq '[.[] | select(.name | startswith("queens")) | .uuid] | unique | length')" 2

"$PMIG" restart "$T/queens.image" </dev/null >"$T/rest.out"
cat "$T/queens.out" "$T/rest.out" >"$T/both"
same "$T/both" "$T/undisturbed"

# In the background; and what was typed ahead is not lost.
mkfifo "$T/input"
INPUT=$T/input runs echo "$BIN/tests/echo"
exec 7>"$T/input"
echo first >&7
await "$T/echo.out" '^1 first'
t "$PMIG" checkpoint --stop echo -o "$T/echo.image"
exec 7>&-
ended_with echo 124
status=0
printf 'second\nthird\n' | "$PMIG" restart "$T/echo.image" >"$T/echo.rest" || status=$?
is "its exit status is the program's" $status 3
printf '2 second\n3 third\n' >"$T/echo.want"
same "$T/echo.rest" "$T/echo.want"
is "in the background, it says its name" "$("$PMIG" restart -d --clone --name other "$T/echo.image")" other
expect 3 "$PMIG" restart -d "$T/truncated"

# A file that was changed since is not overwritten; set aside at the user's word, it comes back as it was.
runs grows "$BIN/tests/holds" growing "$T/grown"
await "$T/grows.out" '^3'
t "$PMIG" checkpoint --stop grows -o "$T/grows.image"
ended_with grows 124
cp "$T/grown" "$T/grown.then"
echo "by another hand" >>"$T/grown"
cp "$T/grown" "$T/grown.since"
expect 3 "$PMIG" restart "$T/grows.image" </dev/null
says 'nothing was overwritten'
same "$T/grown" "$T/grown.since"
is "with --rewind it goes on" "$("$PMIG" restart -d --rewind "$T/grows.image")" grows
same "$T/grown.old" "$T/grown.since"
size=$(stat -c %s "$T/grown.then")
check "the file is again what it was" cmp -n "$size" "$T/grown" "$T/grown.then"
t "$PMIG" kill -KILL grows
