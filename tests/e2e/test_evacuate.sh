#!/bin/bash
# shellcheck source=lib.sh
# evacuate: all programs leave a host, and what still needs it is told, until that has ended. ps tells where a program is found, references
# what stays up for it and how much went through it.
. "$(dirname "$0")/lib.sh"
hosts_begin

ask() { on "$1" perl -MIO::Socket -e 'alarm 20; my $s = IO::Socket::INET->new(PeerAddr => "$ARGV[0]:$ARGV[1]") or die "$!\n"; print $s "$ARGV[2]\n"; print scalar <$s>' "$2" "$3" "${4:-hello}"; }
server() { # NAME PORT [OPTION...]
	local name=$1 port=$2
	shift 2
	t pmig_on alpha run -d --name "$name" "$@" -- "$BIN/tests/accepts" poll "$port"
	await_port "$name" "$port"
}
await_port() {
	local i
	for ((i = 0; i < 200; i++)); do ! pmig_on alpha ps --json | jq -e ".[] | select(.name == \"$1\") | .addresses[].address == \"tcp 0.0.0.0:$2\"" >/dev/null || return 0; done
	fail "$1 does not listen on $2"
}
server first 8201
server second 8202
server third 8203 --on beta
for name in first second; do t pmig_on alpha move $name beta; done
check "second is reached at alpha" test "$(ask gamma alpha 8202 | cut -d' ' -f1)" = beta
pmig_on alpha ps >"$T/ps"
check "ps tells where clients find what is elsewhere" grep -qE 'found at alpha: tcp 0\.0\.0\.0:8201, which leads to it' "$T/ps"
check "and what is where it runs" grep -qE 'found at beta: tcp 0\.0\.0\.0:8203$' "$T/ps"
expect 2 pmig_on alpha evacuate --to beta beta
says 'they cannot go to where they are to leave'

# The third listens at beta itself.
expect 3 pmig_on alpha evacuate --to gamma --json beta >"$T/json"
check "all have gone" jq -se '.[0] | (.moved | map(.name) | sort) == ["first", "second", "third"] and .stayed == []' <(grep -v '^ok' "$T/json")
check "one still needs beta, and why is said" jq -se '.[0] | .needs | length == 1 and .[0].name == "third" and .[0].kind == "listener" and .[0].what == "tcp 0.0.0.0:8203"' \
	<(grep -v '^ok' "$T/json")
check "it is reached there" test "$(ask alpha beta 8203 | cut -d' ' -f1)" = gamma
check "the others where they were" test "$(ask beta alpha 8201 | cut -d' ' -f1)" = gamma
references() { pmig_on alpha references --json "$1" >"$T/references" && jq -e "$2" "$T/references" >"$T/jq"; }
carried() { local i; for ((i = 0; i < 100; i++)); do ! references third '.[] | select(.kind == "listener") | .traffic >= 40' || return 0; done; return 1; }
check "what went through it is counted" carried
check "it is given up if nobody renews it" references third '.[] | select(.kind == "listener") | .lease > "2"'

# It comes back to its host, and away from alpha: no host is needed but alpha, where all were started.
t pmig_on alpha move third beta
check "nothing of it is at another host" references third '. == []'
check "the end of third" test "$(ask alpha beta 8203 end | cut -d' ' -f1)" = beta
t pmig_on alpha wait third
t pmig_on alpha evacuate --to gamma beta
expect 3 pmig_on alpha evacuate --to gamma alpha >"$T/text"
check "alpha is where they were started" grep -q '^first needs alpha: home ' "$T/text"
check "and what clients come to" grep -q '^second needs alpha: listener tcp 0.0.0.0:8202 ' "$T/text"
t hosts power beta
check "the end of first" test "$(ask gamma alpha 8201 end | cut -d' ' -f1)" = gamma
check "the end of second" test "$(ask gamma alpha 8202 end | cut -d' ' -f1)" = gamma
t pmig_on alpha wait first
t pmig_on alpha wait second
