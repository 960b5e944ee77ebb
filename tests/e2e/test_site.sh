#!/bin/bash
# shellcheck source=lib.sh
# A site: a folder with its pages. It stays and is read and written across three hosts under its own path; or all of it goes along. An
# absolute URL is kept where the target reaches it.
. "$(dirname "$0")/lib.sh"
hosts_begin
H=/home/mig

# site FOLDER: one with folders in it, an image of a few pieces, odd names.
site() {
	on alpha sh -c "mkdir -p '$1/news/old' '$1/a b' && cd '$1' && echo '<h1>home</h1>' >index.html && seq 1 5000 >news/numbers.txt &&
		head -c 300000 /dev/zero | tr '\0' x >news/old/picture.png && echo page >'a b/c d.html' && : >visits.txt"
}
# pages_at NAME HOST: what it told of last there.
pages_at() {
	local at
	at=$(wc -l <"$T/$1.out")
	timeout 20 tail -s 0.02 -n "+$((at + 1))" -F "$T/$1.out" 2>/dev/null | grep -m 1 -E "^[0-9]+ $2: " | cut -d ' ' -f 3- || true
}
run() {
	start alpha "$1" "$BIN/tests/pages" "$2" "$3"
	await "$T/$1.out" '^[0-9]+ alpha: '
}
hop() {
	t pmig_on alpha move "$1" "$2"
	agreed "$1"
}
finish() {
	t pmig_on alpha kill -TERM "$1"
	ended_with "$1" 143
}

# --- it stays, and is used from elsewhere ---
www=$H/www
site $www
run stays $www rules
home=$(pages_at stays alpha)
check "the program reads its site at home: $home" grep -q '^4 pages' <<<"$home"
t on alpha touch $www.hold
await "$T/stays.out" '^holds' # a page that is open would be in the image, as any open file
t pmig_on alpha checkpoint stays -o $H/stays.image
t on alpha rm $www.hold
check "the pages are not in the image" test "$(on alpha stat -c %s $H/stays.image)" -lt 300000
pmig_on alpha plan --json stays beta >"$T/plan"
check "the plan refers to it" test "$(jq -r '.resources[] | select(.name == "site") | .strategy' "$T/plan")" = reference
hop stays beta
check "the same pages are read at beta" test "$(pages_at stays beta)" = "$home"
# A page that was open when the plan was made counts by its value, as the plan says; one that was opened since stays with its site.
planned=$(jq "[.. | objects | select((.locator? // .name? // \"\") | tostring | startswith(\"$www/\")) | select(.strategy == \"copy\")] | length" "$T/agreed")
check "no page is copied to beta that the plan had not said" test "$(on beta sh -c "find $www -type f 2>/dev/null | wc -l")" -le "$planned"
on alpha sh -c "echo '<h1>changed</h1>' >$www/index.html"
changed=$(pages_at stays beta)
changed=$(pages_at stays beta)
differ "a change at alpha is seen at beta" "$home" "$changed"
check "what beta writes is seen at alpha" on alpha grep -q '^[0-9]* beta$' $www/visits.txt
hop stays gamma
check "the same pages are read at gamma" test "$(pages_at stays gamma)" = "$changed"
# A page that was open at the freeze is held as well, until it is closed.
for ((i = 0; i < 50; i++)); do
	[ "$(pmig_on alpha references --json stays | jq length)" != 1 ] || break
done
check "one thing stays behind" test "$(pmig_on alpha references --json stays | jq length)" = 1
hop stays alpha
check "the same pages are read at home" test "$(pages_at stays alpha)" = "$changed"
check "nothing stays behind" test "$(pmig_on alpha references --json stays | jq length)" = 0
finish stays

# --- it goes along, and is gone from where it was ---
www=$H/moved
site $www
run goes $www move
home=$(pages_at goes alpha)
from=alpha
for host in beta gamma alpha; do
	hop goes $host
	check "the same pages are read at $host" test "$(pages_at goes $host)" = "$home"
	check "all of it is there" test "$(on $host find $www -type f | wc -l)" = 5
	check "and nothing at $from" on $from test ! -e $www
	from=$host
done
finish goes

# --- nothing is overwritten ---
on beta sh -c "mkdir -p $www && echo mine >$www/index.html"
run refused $www move
expect 3 pmig_on alpha move refused beta
says 'move refused: .*something else under the name index.html'
check "beta has what it had" test "$(on beta cat $www/index.html)" = mine
check "it goes on at home" test "$(pages_at refused alpha)" = "$home"
finish refused
