#!/bin/bash
# shellcheck source=lib.sh
# The registry answers people and scripts: every list with the members that the manual page has, tables that fit the terminal, odd names that do
# nothing to it, changes as they come, nothing that writes where only reading was asked for, and damage told and left as it is.
. "$(dirname "$0")/lib.sh"
hosts_begin
registry() { pmig_on alpha registry "$@"; }
home=$(on alpha sh -c 'mkdir ~/data && seq 1 9000 >~/data/text && echo ~')
odd=$home/data/$'new\nline \e[2J\xff'
on alpha sh -c 'echo odd >"$1"' sh "$odd"

# members NAME ARGUMENT...: the members of the first object, as the manual page has them for NAME.
members() {
	local name=$1 line
	shift
	registry --json "$@" >"$T/list" || fail "no $name"
	line=$(awk -v name="$name" '/^\.SH REGISTRY/ { on = 1 } /^\.SH EXIT/ { exit } !on { next } /^\.(TP|PP)/ { here = 0 }
		/^\.(B|BR) / { split($0, w, /[ "]+/); here = w[2] == name } here' "$PMIG_SOURCE/tools/man/pmig.1" |
		grep -oE '^\.(IR|RI) .*' | sed -E 's/: [^"]*"?/ /g' | tr -c 'a-z_\n' ' ' | tr ' ' '\n' | grep -E '^[a-z_]{2,}$' | sort -u)
	check "$name: $(jq 'length' "$T/list") objects, members as in the manual page" test \
		"$(jq -r '.[0] | keys[]' "$T/list" | sort -u)" = "$line"
}

# --- the rules, without any program ---
registry --json rules >"$T/rules"
check "rules: eighteen cells" jq -e 'length == 18 and all(.[]; (keys == ["attachment", "binding", "choices", "shared"]) and
	(.binding | IN("identifier", "value", "type")) and (.attachment | IN("unattached", "fastened", "fixed")) and (.shared | type == "boolean") and
	all(.choices[]; IN("move", "copy", "reference", "rebind", "refuse")))' "$T/rules"
check "rules: by value, fastened" jq -e '.[] | select(.binding == "value" and .attachment == "fastened" and (.shared | not)) | .choices ==
	["rebind", "copy", "reference"]' "$T/rules"

# --- a program that has moved ---
on alpha "$BIN/pmig" run --name odd -- "$BIN/tests/holds" read "$odd" </dev/null >"$T/odd.out" 2>"$T/odd.err" &
await "$T/odd.out" .
on alpha "$BIN/pmig" registry --json watch odd >"$T/watch" &
watcher=$!
await "$T/watch" '"begin"'
t pmig_on alpha registry provide printer '/dev/usb/lp0' 'the loud one'
t pmig_on alpha move odd beta
await "$T/watch" '"list": ?"handovers", ?"change": ?"changed".*"state": ?"done"'
kill "$watcher"
check "watch: each line is an object with its members" jq -es 'all(.[1:][]; (.at | type == "number") and (.list | type == "string") and
	(.change | IN("added", "changed", "removed")) and (.row | type == "object") and (.change != "changed" or (.before | type == "object")))' "$T/watch"
check "watch: the process was frozen and went away" jq -es '[.[] | select(.list == "processes") | .row.state] | index("away") != null' "$T/watch"
members ps ps
members list list odd || true
members why why odd "$odd"
members history history odd
members providers providers
check "show: an object of arrays" jq -e 'keys == ["decisions", "handovers", "images", "owners", "policies", "processes", "references", "resources"] and
	.processes[0].name == "odd"' <(registry --json show odd)
check "why: by its slot too" test "$(registry --json why odd "$(registry --json why odd "$odd" | jq '.[0].slot')" | jq length)" -ge 1
check "why: by the name of its file" test "$(registry --json why odd "${odd##*/}" | jq length)" -ge 1
registry why odd "$odd" >"$T/why"
await "$T/why" 'copy \(by value, unattached\), from alpha to beta'
await "$T/why" '^    only its content counts'
await "$T/why" '^    not move: possible'
expect 3 pmig_on alpha registry why odd nothing
says 'no move of odd has decided about "nothing"'
expect 3 pmig_on alpha registry list nobody
says 'there is no program "nobody" in this registry'
expect 2 pmig_on alpha registry why odd
says 'usage: pmig registry why PROCESS RESOURCE'

# --- tables fit, and do nothing to the terminal ---
for list in ps list "show odd" rules decisions steps "why odd $(registry --json why odd "$odd" | jq '.[0].slot')"; do
	# shellcheck disable=SC2086
	on alpha script -qfec "stty cols 72; $BIN/pmig registry $list" /dev/null </dev/null | tr -d '\r' >"$T/table"
	check "registry $list: no line is longer than 72 columns, and there are some" awk 'length > 72 { print; bad = 1 } END { exit bad || NR == 0 }' "$T/table"
	check "registry $list: nothing acts on the terminal" sh -c '! LC_ALL=C grep -q "[[:cntrl:]]" "$1"' sh "$T/table"
done
on alpha script -qfec "stty cols 72; $BIN/pmig plan odd gamma 2>/dev/null" /dev/null </dev/null | tr -d '\r' >"$T/table"
check "plan: the same" awk 'length > 72 { print; bad = 1 } END { exit bad || NR < 5 }' "$T/table"
check "plan: nothing acts on the terminal" sh -c '! LC_ALL=C grep -q "[[:cntrl:]]" "$1"' sh "$T/table"

pmig_on alpha plan --json --max-transfer 1GB odd gamma >"$T/plan"
awk '/^\.SH JSON OF A PLAN/ { on = 1; next } /^\.SH/ { on = 0 } on' "$PMIG_SOURCE/tools/man/pmig.1" >"$T/page"
jq -r '[paths | .[] | strings] | unique[]' "$T/plan" | while read -r member; do
	grep -qE "(^|[^a-z_])$member([^a-z_]|\$)" "$T/page" || fail "the manual page has no member $member of a plan"
done
check "plan --json: $(jq '[paths | .[] | strings] | unique | length' "$T/plan") members, all of them in the manual page" true
check "plan --json: what is always there" jq -e '(.possible | type == "boolean") and all(.resources[]; (.reason | length > 0) and (.strategy |
	IN("move", "copy", "reference", "rebind", "refuse")) and (.price | keys == ["bytes", "bytes_per_second", "seconds_before", "seconds_frozen",
	"share_of_link", "slowdown"]) and all(.alternatives[]; .reason | length > 0))' "$T/plan"

# --- all of it, and questions ---
registry export >"$T/export"
check "export: every table" jq -e '.pmig_registry >= 2 and (.tables | keys == ["decisions", "handover_steps", "handovers", "hosts", "images", "owners", "policies",
	"processes", "providers", "references_", "resources"])' "$T/export"
check "export: a name that is not UTF-8 is hexadecimal" jq -e '[.tables.decisions[].resource | select(type == "object") | .hex] | length > 0' "$T/export"
check "sql: reads" test "$(registry --json sql 'SELECT name, state FROM processes')" = "$(jq -n '[{name: "odd", state: 6}]')"
for wrong in "DELETE FROM processes" "PRAGMA user_version = 9" "ATTACH '/tmp/x' AS x" "SELECT load_extension('x')" "SELECT 1; SELECT 2" "VACUUM" "SELEKT"; do
	expect "$(case $wrong in "SELECT 1;"* | SELEKT | *load_extension*) echo 2 ;; *) echo 3 ;; esac)" pmig_on alpha registry sql "$wrong"
	[[ $wrong != DELETE* ]] || says 'only one SELECT on the tables of the registry is allowed: nothing is changed'
done
check "withdraw" registry withdraw printer /dev/usb/lp0
expect 3 pmig_on alpha registry withdraw printer /dev/usb/lp0
says 'provides no printer at "/dev/usb/lp0"; `pmig registry providers` shows all'

# --- sound, with a program and after it ---
t pmig_on alpha registry verify
t pmig_on alpha kill -KILL odd
wait || true
t pmig_on alpha registry verify
check "verify as JSON: no finding" test "$(registry --json verify)" = '[]'

# --- damage and what is newer: told, and left ---
state=$(on alpha sh -c 'mkdir -m 700 ~/other && cp ~/.local/state/pmig/*/registry.db* ~/other && echo ~/other')
other() { on alpha env PMIG_STATE="$state" "$BIN/pmig" registry "$@"; }
t other provide printer lp # the last one who writes carries the log over into the file
t other ps
on alpha sh -c 'printf "\0\0\0\3" | dd of="$1/registry.db" bs=1 seek=60 conv=notrunc status=none' sh "$state"
before=$(on alpha sha256sum "$state/registry.db")
expect 3 other ps
says 'the registry has version 3, this pmig knows up to 2; it was left as it is, use the newer pmig'
expect 3 other provide printer lp
on alpha sh -c 'dd if=/dev/urandom of="$1/registry.db" bs=1 seek=4096 count=9000 conv=notrunc status=none
	printf "\0\0\0\2" | dd of="$1/registry.db" bs=1 seek=60 conv=notrunc status=none' sh "$state"
check "it is another file now" test "$before" != "$(on alpha sha256sum "$state/registry.db")"
before=$(on alpha sha256sum "$state/registry.db")
for verb in verify ps export "sql SELECT*FROM(processes)" "provide printer lp"; do
	# shellcheck disable=SC2086
	expect 3 other $verb
	says 'the registry is damaged and was left as it is; move the file away to begin a new one'
done
check "and not one byte is another" test "$before" = "$(on alpha sha256sum "$state/registry.db")"
expect 3 on alpha env PMIG_STATE="$state/none" "$BIN/pmig" registry ps
says 'there is no registry'
