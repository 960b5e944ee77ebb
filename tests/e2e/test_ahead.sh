#!/bin/bash
# shellcheck source=lib.sh
# Data that only counts by its value goes to the target before the freeze, once, and not at all where the target has equal content under
# whatever name; what changed since travels at the freeze, as it is then.
. "$(dirname "$0")/lib.sh"
hosts_begin

home=$(on alpha sh -c 'mkdir -p ~/data && head -c 8000000 /dev/urandom >~/data/input && cp ~/data/input ~/data/other && echo ~')
# begin NAME THING PATH
begin() {
	pmig_on alpha run --name "$1" -- "$BIN/tests/holds" "$2" "$3" </dev/null >"$T/$1.out" 2>"$T/$1.err" &
	await "$T/$1.out" '^3$' # behind its first safe point: what it declared is known
}
end() {
	t pmig_on alpha kill -KILL "$1"
	wait || true
}
# input NAME HOST QUERY: of the plan, about the input.
input() {
	pmig_on alpha plan --json "$1" "$2" >"$T/$1.plan"
	check "$1: $3" jq -e ".resources[] | select(.locator | test(\"/data/(input|other)\$\")) | $3" "$T/$1.plan"
}

# --- sent ahead ---
begin first read "$home/data/input"
input first beta '.strategy == "copy" and .price.seconds_before > 0 and .price.seconds_frozen == 0 and .price.bytes == 8000000'
pmig_on alpha move --json first beta >"$T/first.move" || fail "first did not move"
check "the image is without it: $(jq .bytes "$T/first.move") bytes" jq -e '.bytes < 7000000' "$T/first.move"
check "the data went ahead, into the cache" test "$(on beta sh -c 'ls ~/.cache/pmig/*/data | wc -l')" = 1
agreed first
on alpha cat "$home/data/input" >"$T/input.alpha"
on beta cat "$home/data/input" >"$T/input.beta"
same "$T/input.alpha" "$T/input.beta"
check "the program has it open there" on beta sh -c 'ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q /data/input'

# --- and on from there, through home ---
input first gamma '.strategy == "copy" and .price.seconds_before > 0 and .price.bytes == 8000000'
pmig_on alpha move --json first gamma >"$T/first.on" || fail "first did not move on"
check "the image is without it again: $(jq .bytes "$T/first.on") bytes" jq -e '.bytes < 7000000' "$T/first.on"
check "the data is in the cache of gamma" test "$(on gamma sh -c 'ls ~/.cache/pmig/*/data | wc -l')" = 1
check "and nothing of it stays at home" on alpha sh -c 'test -z "$(ls ~/.local/state/pmig/*/transit)"'
agreed first
on gamma cat "$home/data/input" >"$T/input.gamma"
same "$T/input.alpha" "$T/input.gamma"
end first

# --- equal content under another name is not sent again ---
begin second read "$home/data/other"
input second beta '.strategy == "copy" and .price.bytes == 0 and (.there | test("/"))'
pmig_on alpha move --json second beta >"$T/second.move" || fail "second did not move"
check "nothing was sent again" jq -e '.bytes < 7000000' "$T/second.move"
check "and the cache has it once" test "$(on beta sh -c 'ls ~/.cache/pmig/*/data | wc -l')" = 1
agreed second
on beta cat "$home/data/other" >"$T/other.beta"
same "$T/input.alpha" "$T/other.beta"
end second

# --- nor where it lies in a place that was declared to have such data ---
on beta sh -c 'mkdir -p ~/archive/deep && head -c 2000000 /dev/urandom >"$HOME/archive/deep/a set of data"'
on beta sh -c 'cat ~/archive/deep/*' >"$T/set"
on alpha sh -c 'cat >~/data/other' <"$T/set"
on beta rm "$home/data/other"
begin third read "$home/data/other"
input third beta '.price.bytes == 2000000'
t pmig_on alpha registry --host beta provide content /home/mig/archive
input third beta '.price.bytes == 0 and .there == "/home/mig/archive/deep/a set of data"'
pmig_on alpha move --json third beta >"$T/third.move" || fail "third did not move"
check "nothing was sent" jq -e '.bytes < 1000000' "$T/third.move"
check "nor is it in the cache" test "$(on beta sh -c 'ls ~/.cache/pmig/*/data | wc -l')" = 1
on beta cat "$home/data/other" >"$T/other.beta"
same "$T/set" "$T/other.beta"
agreed third
end third

# --- what is changed after it went ahead ---
on alpha sh -c 'head -c 3000000 /dev/urandom >~/data/fresh'
begin fourth changed "$home/data/fresh" # changes it when it is asked to move, which is after it went ahead
t pmig_on alpha move fourth gamma
on alpha cat "$home/data/fresh" >"$T/fresh.alpha"
on gamma cat "$home/data/fresh" >"$T/fresh.gamma"
same "$T/fresh.alpha" "$T/fresh.gamma"
check "it has the change" grep -q 'changed after the plan' "$T/fresh.gamma"
agreed fourth
end fourth
