#!/bin/bash
# shellcheck source=lib.sh
# Odd files: names of any bytes, links, holes, FIFOs, what may not be read, what lies at the target under the same name.
. "$(dirname "$0")/lib.sh"
hosts_begin

home=$(on alpha sh -c 'mkdir ~/d && echo ~/d')
on beta mkdir "$home"

# begin NAME THING PATH
begin() {
	pmig_on alpha run --name "$1" -- "$BIN/tests/holds" "$2" "$3" </dev/null >"$T/$1.out" 2>"$T/$1.err" &
	await "$T/$1.out" '^3$' # behind its first safe point: what it declared is known
}
end() {
	t pmig_on alpha kill -KILL "$1"
	wait || true
}
plan() { pmig_on alpha plan --json "$1" beta >"$T/$1.plan" || fail "no plan of $1"; }
# --- names ---
i=0
for name in 'with spaces' $'two\nlines' $'latin-1 caf\xe9' $'tab\tand \\backslash' '* ? [a-z]' $'\xff\xfe'; do
	i=$((i + 1))
	begin "name$i" written "$home/$name"
	t pmig_on alpha plan "name$i" beta >"$T/text" # whatever the name is, it can be shown
	plan "name$i"
	check "file $i: $(printf %q "$name") moves" jq -e '[.resources[] | select(.kind == "file" and .strategy == "move")] | length == 1' \
		"$T/name$i.plan"
	t pmig_on alpha move "name$i" beta
	check "it is on beta under exactly that name" on beta test -s "$home/$name"
	check "and gone from alpha" on alpha test ! -e "$home/$name"
	agreed "name$i"
	end "name$i"
done
begin declared scratch "$home"/$'two\nlines, declared'
plan declared
check "a declared one is one resource" jq -e '[.resources[] | select(.origin == "run time")] | length == 1' "$T/declared.plan"
end declared

# --- links ---
on alpha sh -c 'cd ~/d && echo 1 >real && ln -s real link && echo 2 >twice && ln twice second'
begin link written "$home/link"
t pmig_on alpha move link beta
check "a symbolic link leads to the file, and that is what moves" on beta test -f "$home/real" -a ! -L "$home/real"
check "the link itself stays, and is no file on beta" on beta test ! -e "$home/link"
agreed link
end link
begin hard written "$home/twice"
plan hard
check "a file with a second name is shared with who uses that" jq -e '.resources[] | select(.locator | test("/twice$")) |
	(.cell | test("shared"))' "$T/hard.plan"
end hard

# --- holes ---
on alpha sh -c 'truncate -s 64M ~/d/holes'
begin holes written "$home/holes"
t pmig_on alpha move holes beta
check "the size is the same" test "$(on beta stat -c %s "$home/holes")" -eq 67108864
check "the holes are holes: $(on beta stat -c %b "$home/holes") blocks" test "$(on beta stat -c %b "$home/holes")" -lt 2048
agreed holes
end holes

# --- what may not be read any more; what the program has open it has open ---
begin unreadable written "$home/unreadable"
on alpha chmod 0 "$home/unreadable"
t pmig_on alpha move unreadable beta
check "it has the same permissions there" test "$(on beta stat -c %a "$home/unreadable")" = 0
end unreadable

# --- what lies at the target under that name is never overwritten: the file stays where it is, and is reached ---
# lies NAME COMMAND SENTENCE: COMMAND makes something of that name on beta.
lies() {
	on beta sh -c "cd ~/d && $2"
	begin "$1" written "$home/$1"
	on beta sh -c "ls -ln ~/d/$1; test -p ~/d/$1 || cat ~/d/$1/* ~/d/$1 2>/dev/null; true" >"$T/$1.before"
	plan "$1"
	check "$1: $3" jq -e --arg words "$3" '.resources[] | select(.kind == "file") | .strategy == "reference" and
		any(.alternatives[]; .strategy == "move" and (.reason | test($words)))' "$T/$1.plan"
	t pmig_on alpha move "$1" beta
	agreed "$1"
	on beta sh -c "ls -ln ~/d/$1; test -p ~/d/$1 || cat ~/d/$1/* ~/d/$1 2>/dev/null; true" >"$T/$1.after"
	same "$T/$1.before" "$T/$1.after"
	check "and the program's own is where it was" on alpha grep -q written "$home/$1"
	end "$1"
}
lies other 'echo something else >other' 'another file \(15 bytes, of .*never overwritten'
lies symbolic 'echo aim >aim && ln -s aim symbolic' 'a symbolic link'
lies dangling 'ln -s nowhere dangling' 'a symbolic link'
lies folder 'mkdir folder && echo x >folder/x' 'a directory'
lies locked 'echo secret >locked && chmod 0 locked' 'another file'
lies fifo 'mkfifo fifo' 'no regular file'
