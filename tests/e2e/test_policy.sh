#!/bin/bash
# shellcheck source=lib.sh
# What a policy file says of programs that nobody touches is what is planned and done, from this program's file before that of all, and
# stays so where it goes; what a user allows a move to cost is kept, or the move is refused with the figures and nothing is touched.
. "$(dirname "$0")/lib.sh"
hosts_begin
home=$(on alpha sh -c 'mkdir ~/data && seq 1 60000 >~/data/text && echo ~')

declare -A running=()
# begin NAME [OPTION...] -- PROGRAM...: on alpha, in the background; it has said something when this returns.
begin() {
	local name=$1
	shift
	pmig_on alpha run --name "$name" "$@" </dev/null >"$T/$name.out" 2>"$T/$name.err" &
	running[$name]=$!
	await "$T/$name.out" .
}
end() {
	t pmig_on alpha kill -KILL "$1"
	wait "${running[$1]}" || true
}
# planned NAME QUERY [HOST]: something of the file in its plan.
planned() {
	pmig_on alpha plan --json "$1" "${3:-beta}" >"$T/plan" || fail "no plan of $1: $(jq -r .refusal "$T/plan")"
	jq -r ".resources[] | select(.kind == \"file\") | $2" "$T/plan"
}
# refused NAME SENTENCE OPTION...: by plan and by move, and nothing was touched.
refused() {
	local name=$1 words=$2
	shift 2
	expect 3 pmig_on alpha move "$@" "$name" beta
	says "$words"
	expect 3 pmig_on alpha plan "$@" "$name" beta
	says "$words"
	check "nothing of it is in the journal" test "$(pmig_on alpha registry --json steps "$name")" = '[]'
}

# --- what is wrong in a policy is told by line and column ---
on alpha sh -c 'printf "[file \"*\"]\nbinding = valu\n" >~/wrong; printf "[file \"*\"]\nbinding = value\n" >~/half
	printf "[file \"*/data/text\"]\nbinding = value\nattachment = fastened\nname = the text\n" >~/one
	printf "# for all\n[any \"*\"]\nchoices = move, reference, copy, rebind\n[file \"*/data/*\"]\nbinding = type\nattachment = unattached\ntype = scratch\n" >~/all'
expect 125 pmig_on alpha run --policy "$home/wrong" -- "$BIN/tests/holds" nothing
says "wrong:2:11: expected identifier, value or type, found \"valu\""
expect 2 pmig_on alpha registry policy add "$home/half"
says "half:1:1: expected binding and attachment both, found only binding"
expect 125 pmig_on alpha run --policy "$home/none" -- "$BIN/tests/holds" nothing
says 'none: No such file'

# --- by default, by policy, by two of them ---
begin plain -- "$BIN/tests/holds" read "$home/data/text"
check "undeclared: by value, unattached" test "$(planned plain '"\(.origin), \(.cell), \(.strategy)"')" = 'undeclared, by value, unattached, copy'
t pmig_on alpha registry policy add "$home/all"
check "the one for all speaks at once" test "$(planned plain '"\(.origin), \(.cell), \(.strategy)"')" = 'policy, by type, unattached, move'
begin own --policy "$home/one" -- "$BIN/tests/holds" read "$home/data/text"
check "that of the program goes before it, with its name" test "$(planned own '"\(.name), \(.origin), \(.cell)"')" = \
	'the text, policy, by value, fastened'
check "but the order of choices is that for all" test "$(planned own '.alternatives[0].reason')" != ''
check "plan says where it is said" test "$(planned own .opened)" != ''
check "the registry lists both" test "$(pmig_on alpha registry --json policies | jq -c 'map(.process)')" = '["own",""]'
check "and shows what they say" test "$(pmig_on alpha registry policy show "$home/all")" = "$(on alpha cat "$home/all")"
t pmig_on alpha registry policy remove "$home/all"
expect 3 pmig_on alpha registry policy remove "$home/all"
says 'is no policy of this registry'
check "nobody speaks for the first one any more" test "$(planned plain .origin)" = undeclared
on alpha rm "$home/one"
t pmig_on alpha move own beta
agreed own
check "it stays so where it is now, without the file" test "$(planned own '"\(.origin), \(.cell)"' gamma)" = 'policy, by value, fastened'
check "why says so" test "$(pmig_on alpha registry --json why own 'the text' | jq -r '.[0].cell')" = 'by value, fastened'
t pmig_on alpha move own home
agreed own
end own

# --- limits ---
refused plain 'plan: move refused: .* \(--max-transfer\)|move refused: .* \(--max-transfer\)' --max-transfer 1kB
refused plain 'would keep it frozen for .*, the limit is 1 us \(--max-frozen\)' --max-frozen 1us
refused plain "$home/data/text \\(by value, unattached\\): nobody declared it, and that is refused \\(--strict\\)" --strict
expect 2 pmig_on alpha plan --max-reference 10furlongs plain beta
says 'expected a rate such as 20MB/s'
expect 2 pmig_on alpha move --max-frozen x plain beta
says 'expected a time such as 2s or 500ms'
pmig_on alpha plan --json --max-reference 20MB/s --max-transfer 1GB --max-frozen 1min --remaining 2h plain beta >"$T/limited"
check "limits that are kept stand in the plan" jq -e '.possible and .limits.reference_bytes_per_second == 20000000 and
	.limits.transfer_bytes == 1000000000 and .limits.seconds_frozen == 60 and .facts.remaining_nanoseconds ==
	{"value": 7200000000000, "source": "declared"}' "$T/limited"
t pmig_on alpha move --max-reference 50% --max-transfer 1GB --max-frozen 1min plain beta
agreed plain
end plain
check "the registry is sound" pmig_on alpha registry verify
