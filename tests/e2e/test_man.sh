#!/bin/bash
# shellcheck source=lib.sh
# The manual pages have every verb and every option that the commands themselves tell of, and no other verb.
. "$(dirname "$0")/lib.sh"

# page NAME: its words without the macros.
page() { sed -E 's/^\.\\".*//; s/^\.[A-Z]+ ?//; s/\\f[A-Z]//g; s/\\//g; s/"//g' "$PMIG_SOURCE/tools/man/$1"; }
page pmig.1 >"$T/pmig"
page pmig-cc.1 >"$T/pmig-cc"

"$BIN/pmig" --help | sed -nE 's/^  ([a-z]+) +.*/\1/p' >"$T/verbs"
check "there are verbs" test "$(wc -l <"$T/verbs")" -gt 10
while read -r verb; do
	grep -qE "^$verb( |\$)" "$T/pmig" || fail "pmig(1) has no verb $verb"
	"$BIN/pmig" "$verb" --help | sed -nE 's/^ +((-[a-z], )?--[a-z-]+).*/\1/p' | tr -d ' ' | tr ',' '\n' >"$T/options"
	# What follows the verb's heading, up to the next one.
	awk -v verb="$verb" '$1 == verb { on = 1; print; next } on && NF == 0 { exit } on' "$T/pmig" >"$T/section"
	while read -r option; do
		grep -qE -- "(^|[^a-z-])$option([^a-z]|\$)" "$T/section" || fail "pmig(1) has no option $option of $verb"
	done <"$T/options"
	echo "ok - $verb: $(xargs <"$T/options")"
done <"$T/verbs"
while read -r option; do
	grep -q -- "$option" "$T/pmig-cc" || fail "pmig-cc(1) has no option $option"
	echo "ok - pmig-cc $option"
done < <("$BIN/pmig-cc" --pmig-help | sed -nE 's/^  (--[a-z-]+).*/\1/p' | sort -u)
