#!/bin/bash
# shellcheck source=lib.sh
# What changes between the plan and the freeze, on either side, and registries that are damaged or of a newer version: the move goes on as
# things are then, or is undone in words; nothing is lost, nothing is overwritten.
. "$(dirname "$0")/lib.sh"
hosts_begin

home=$(on alpha sh -c 'mkdir ~/d && mkfifo ~/gate && echo ~/d')
on beta mkdir "$home"

# begin NAME THING PATH: it stops at the gate when it is asked to move, after the plan was made.
begin() {
	RUN_ENV=("GATE=$home/../gate")
	start alpha "$@"
	await "$T/$1.out" '^3$' # behind its first safe point: what it declared is known
}
# moves NAME HOST COMMAND: a move, with COMMAND done in the middle of it; its words in $T/NAME.move, its end in $T/NAME.moved.
moves() {
	local name=$1 host=$2 status=0
	shift 2
	rm -f "$T/$name.failed"
	(pmig_on alpha move "$name" "$host" >"$T/$name.move" 2>&1 || echo "exit $?" >"$T/$name.failed") &
	local move=$!
	check "$name is at the gate" on alpha timeout 20 sh -c 'read -r line <~/gate && test "$line" = "at the gate"'
	"$@"
	on alpha timeout 20 sh -c ': >~/gate'
	wait $move || status=$?
	cat "$T/$name.move"
}
moved() { check "$1 moved" test ! -e "$T/$1.failed"; }
# undone NAME SENTENCE: the program goes on at home.
undone() {
	local lines
	check "the move of $1 failed: $(cat "$T/$1.failed" 2>/dev/null)" test -e "$T/$1.failed"
	check "it says: $2" grep -qE -- "$2" "$T/$1.move"
	lines=$(wc -l <"$T/$1.out")
	await "$T/$1.out" "^$((lines + 5))\$"
	check "$1 goes on at home" host_runs alpha holds
	check "nothing of it runs on beta" test -z "$(pids_on beta holds)"
	check "the journal says undone" jq -e '.[-1].state == "undone"' <(pmig_on alpha registry --json handovers "$1")
}
end() {
	t pmig_on alpha kill -KILL "$1"
	await "$T/$1.status" .
}

# --- the file changes ---
begin grown "$BIN/tests/holds" written "$home/grown"
moves grown beta on alpha sh -c 'echo more >>~/d/grown'
moved grown
check "it went as it was at the freeze" test "$(on beta cat "$home/grown")" = $'written\nmore'
agreed grown
end grown
begin cut "$BIN/tests/holds" written "$home/cut"
moves cut beta on alpha sh -c ': >~/d/cut'
moved cut
check "also when it was cut" test "$(on beta stat -c %s "$home/cut")" = 0
end cut
begin replaced "$BIN/tests/holds" written "$home/replaced"
moves replaced beta on alpha sh -c 'echo another >~/d/new && mv ~/d/new ~/d/replaced'
undone replaced 'replaced'
check "the other one is as it was" test "$(on alpha cat "$home/replaced")" = another
check "and nothing is on beta" on beta test ! -e "$home/replaced"
end replaced

# --- the target changes ---
begin late "$BIN/tests/holds" written "$home/late"
moves late beta on beta sh -c 'echo just now >~/d/late'
undone late 'another file lies here|another file got that name'
check "it is not overwritten" test "$(on beta cat "$home/late")" = 'just now'
check "and nothing is gone from home" test "$(on alpha cat "$home/late")" = written
end late
begin full "$BIN/tests/holds" written "$home/full"
on alpha sh -c 'head -c 3000000 /dev/urandom >>~/d/full'
moves full beta hosts full beta 200000
undone full 'ship: beta: .*more bytes are needed, the disk has'
hosts full beta off
check "no half of it is on beta" on beta test ! -e "$home/full"
hosts full beta 1000000
check "known before the freeze now" jq -e '.resources[] | select(.kind == "file") | .strategy == "reference" and
	any(.alternatives[]; .reason | test("do not fit, beta has .* left"))' <(pmig_on alpha plan --json full beta)
hosts full beta off
end full

# --- descriptors that nobody declared, in strict mode ---
RUN_ENV=()
start alpha strict "$BIN/tests/holds" written "$home/strict"
await "$T/strict.out" .
expect 3 pmig_on alpha move --strict strict beta
says "$home/strict .*nobody declared it"
check "the plan lists it" jq -e '.undeclared | map(.resource) | any(test("/strict$"))' <(pmig_on alpha plan --json strict beta)
end strict

# --- the provider that was planned with goes ---
on beta mkdir space
t pmig_on alpha registry --host beta provide scratch /home/mig/space
begin scratch "$BIN/tests/holds" scratch "$home/scratch"
check "the plan takes what was declared" jq -e '.resources[] | select(.name == "scratch") | .strategy == "rebind" and
	.there == "/home/mig/space"' <(pmig_on alpha plan --json scratch beta)
moves scratch beta on beta rmdir space
undone scratch '/home/mig/space'
check "the next plan takes another one" jq -e '.resources[] | select(.name == "scratch") | .strategy == "rebind" and
	.there == "/tmp"' <(pmig_on alpha plan --json scratch beta)
moves scratch beta true
moved scratch
agreed scratch
end scratch

# --- registries that are of a newer version, or damaged, at the target ---
RUN_ENV=()
start alpha held "$BIN/tests/holds" nothing
await "$T/held.out" .
pmig_on alpha plan held gamma >"$T/text" # makes one there
state=$(on gamma sh -c 'echo ~/.local/state/pmig/*')
own=$(on alpha sh -c 'echo ~/.local/state/pmig/*')
for pid in $(pids_on gamma pmig-agent); do hosts exec gamma tail --pid="$pid" -s 0.05 -f /dev/null; done
on alpha sh -c "cat $own/registry.db" >"$T/registry"
# spoilt COMMAND SENTENCE: with a registry on gamma that COMMAND has spoilt (the file "registry.db", where it begins), nothing moves there.
spoilt() {
	on gamma sh -c "rm -f $state/registry.db* && cat >$state/registry.db && chmod 600 $state/registry.db && cd $state && $1" <"$T/registry"
	on gamma cat "$state/registry.db" >"$T/spoilt"
	local status=0
	pmig_on alpha move held gamma >"$T/stderr" 2>&1 || status=$?
	check "it does not move there ($status)" test $status -ne 0
	says "$2"
	on gamma cat "$state/registry.db" >"$T/spoilt.after"
	same "$T/spoilt" "$T/spoilt.after"
	check "held goes on at home" host_runs alpha holds
}
# The version of the schema stands in bytes 60 to 63 (https://www.sqlite.org/fileformat.html, 1.3).
newer='printf "\\0\\0\\3\\347" | dd of=registry.db bs=1 seek=60 conv=notrunc status=none'
spoilt "$newer" 'gamma.*newer'
spoilt 'printf "this is no database, and never was one" >registry.db' 'gamma.*(not a database|damaged)'
spoilt 'head -c 32768 /dev/urandom | dd of=registry.db bs=4096 seek=1 conv=notrunc status=none' 'gamma.*(damaged|malformed)'
spoilt 'truncate -s 5000 registry.db' 'gamma.*(damaged|malformed|not a database)'
on gamma sh -c "rm -f $state/registry.db*"
t pmig_on alpha move held gamma
end held

# --- and at home, where a program runs ---
start alpha goes "$BIN/tests/holds" nothing
await "$T/goes.out" .
on alpha sh -c "cd $own && head -c 65536 /dev/urandom | dd of=registry.db bs=4096 seek=1 conv=notrunc status=none && rm -f registry.db-wal"
status=0
pmig_on alpha move goes beta >"$T/stderr" 2>&1 || status=$?
check "it does not move ($status)" test $status -ne 0
says 'alpha|registry'
lines=$(wc -l <"$T/goes.out")
await "$T/goes.out" "^$((lines + 5))\$"
check "it goes on at home" host_runs alpha holds
for pid in $(pids_on alpha holds); do hosts exec alpha kill -KILL "$pid"; done
await "$T/goes.status" .
on alpha sh -c "rm -f $own/registry.db* && cat >$own/registry.db" <"$T/registry"
on alpha sh -c "cd $own && $newer"
expect 125 pmig_on alpha run -- "$BIN/tests/holds" nothing
says 'newer'
on alpha sh -c "cd $own && rm -f registry.db* && printf 'no database' >registry.db"
expect 125 pmig_on alpha run -- "$BIN/tests/holds" nothing
says 'not a database|damaged'
check "it is left as it was found" test "$(on alpha cat "$own/registry.db")" = 'no database'
