#!/bin/bash
# shellcheck source=lib.sh
# What is found out before anything is frozen: who else uses a thing, how much is read and written, what the target has for those who need
# any of a type; each with where it was known from.
. "$(dirname "$0")/lib.sh"
hosts_begin
home=$(on alpha sh -c 'mkdir ~/d && echo ~/d')

begin() {
	start alpha "$1" "$BIN/tests/holds" "$2" "$3"
	await "$T/$1.out" '^3$'
}
end() {
	t pmig_on alpha kill -KILL "$1"
	await "$T/$1.status" .
}
# fact NAME KIND QUERY [HOST]: of its only resource of that kind.
fact() {
	pmig_on alpha plan --json "$1" "${4:-beta}" >"$T/$1.plan" 2>"$T/stderr" || [ -s "$T/$1.plan" ] || fail "no plan of $1: $(cat "$T/stderr")"
	jq ".resources[] | select(.kind == \"$2\")" "$T/$1.plan" >"$T/$1.$2"
	check "$1: $3" jq -e "$3" "$T/$1.$2"
}
# other NAME COMMAND: another process on alpha, which writes "here" into ~/here when it has done what it is for.
other() {
	on alpha sh -c 'rm -f ~/here && mkfifo ~/here'
	hosts as alpha sh -c "$2" >/dev/null 2>&1 &
	check "$1 is there" on alpha timeout 20 cat here
}
gone() { for pid in $(pids_on alpha "$1"); do hosts exec alpha kill -KILL "$pid"; done; }

# --- who else uses it ---
begin written written "$home/written"
fact written file '.facts.sharers == {value: 0, source: "measured"} and .strategy == "move"'
other reader 'exec 3<~/d/written; echo here >~/here; exec tail -f /dev/null'
fact written file '.facts.sharers.value == 1 and (.facts.shared_by | test("tail")) and .strategy == "reference"'
gone tail
fact written file '.facts.sharers.value == 0 and .strategy == "move"'
other locker 'exec 3<~/d/written; flock -s 3; echo here >~/here; exec tail -f /dev/null'
fact written file '.facts.sharers.value == 1 and (.cell | test("shared"))'
gone tail
on alpha ln "$home/written" "$home/second"
fact written file '.facts.sharers.value == 1 and (.facts.shared_by | test("hard link"))'
on alpha rm "$home/second"
end written
on alpha sh -c 'echo text >~/d/input'
begin input read "$home/input"
other reader 'exec 3<~/d/input; echo here >~/here; exec tail -f /dev/null'
fact input file '.facts.sharers.value == 0 and .strategy == "copy"' # two who read disturb nobody
gone tail
other writer 'exec 3>>~/d/input; echo here >~/here; exec tail -f /dev/null'
fact input file '.facts.sharers.value == 1 and .strategy == "reference"'
gone tail
end input

# --- how much ---
begin growing growing "$home/growing"
fact growing file '.facts.size_bytes.source == "measured"'
lines=$(wc -l <"$T/growing.out")
await "$T/growing.out" "^$((lines + 60))\$"
fact growing file '.facts.rate_bytes_per_second | .source == "measured" and .value > 100 and .value < 10000'
end growing

# --- any of a type ---
# typed TYPE PATH QUERY
typed() {
	RUN_ENV=("TYPE=$1")
	begin "$1" typed "$2"
	fact "$1" device "$3"
	end "$1"
	RUN_ENV=()
}
typed ssh /dev/zero '.facts.providers == {value: 1, source: "asked"} and .there == "127.0.0.1:22"' # a name of /etc/services that listens
typed urandom /dev/zero '.facts.providers.value == 1 and .there == "/dev/urandom"'
typed unicorn /dev/zero '.facts.providers == {value: 0, source: "asked"} and .strategy == "reference"'
t pmig_on alpha registry --host beta provide unicorn /dev/full 'of the fairy'
typed unicorn /dev/zero '.facts.providers.value == 1 and .strategy == "rebind" and .there == "/dev/full"'
t pmig_on alpha registry --host beta provide unicorn /dev/gone 'which is not there'
typed unicorn /dev/zero '.facts.providers.value == 1 and .there == "/dev/full"'
