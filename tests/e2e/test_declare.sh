#!/bin/bash
# Every field of a declaration has its effect, on two hops: what the plan says, what the program then has, and that a secret is
# nowhere but where it belongs. Who said what something means is in the plan, and where nobody did, the line that opened it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
hosts_begin

home=/home/mig/declared
for host in alpha beta gamma; do
	on "$host" mkdir -p "$home"
	for secret in key vault; do
		echo "$host-$secret-0123456789" | on "$host" tee "$home/$secret" >/dev/null
	done
done
echo input | on alpha tee "$home/input" >/dev/null
printf '[file "%s/ruled"]\nbinding = value\nattachment = unattached\n' "$home" | on alpha tee "$home/rules" >/dev/null

on alpha "$BIN/pmig" run --policy "$home/rules" --name declares -- "$BIN/tests/declares" "$home" \
	>"$T/out" 2>"$T/err" </dev/null &
await "$T/out" '^5$'

# The plan: who said it, what happens, and where it was opened.
t pmig_on alpha plan declares beta
pmig_on alpha plan --json declares beta >"$T/plan"
# planned NAME STRATEGY ORIGIN
planned() {
	local got
	got=$(jq -r ".resources[] | select(.name == \"$1\") | \"\(.strategy) \(.origin)\"" "$T/plan")
	check "the plan: $1: $2, $3" test "$got" = "$2 $3"
}
planned "the ledger" move "run time"
planned "the shared one" copy "run time"
planned "the snapshot" copy "run time"
planned "the watch" rebind "run time"
planned "the key" rebind "run time"
planned "the password" rebind "run time"
planned "the vault" rebind "file scope"
planned "the sink" rebind "run time"
planned "$home/ruled" copy policy
planned "$home/stray" move undeclared
planned "$home/input" copy undeclared
line=$(grep -n 'return open(path, O_RDWR' "$PMIG_SOURCE/tests/programs/declares.c" | cut -d: -f1)
check "where nobody said anything, the line that opened it" \
	jq -e ".resources[] | select(.name == \"$home/stray\") | .opened == \"open_stray (declares.c:$line)\"" "$T/plan"
expect 3 pmig_on alpha move --strict declares beta
says "input.*nobody declared it"

# looked HOST: what the program found there.
looked() {
	local host=$1 word
	for word in 'ledger: as it was' 'input: as it was' 'shared: as it was' 'snapshot: as it was' 'ruled: as it was' \
		'stray: as it was' "key: $host-key-0123456789" "vault: $host-vault-0123456789" "password: $host-key-0123456789" \
		'sink: takes it' 'watch: Bad file descriptor'; do
		check "at $host: $word" grep -qx "$word" "$T/now"
	done
	check "the password was not in the image" grep -qx 'the password was not in the image' "$T/now"
	check "the ledger heard that it was moved" grep -q "^after ledger: restored, strategy 1, to $host, locator $home/ledger" "$T/now"
	check "the key heard that it was rebound" grep -q "^after key: restored, strategy 4, to $host, locator $home/key" "$T/now"
	check "the vault too" grep -q "^after vault: restored, strategy 4, to $host" "$T/now"
	check "the watch heard that it leads nowhere" grep -q "^after watch: restored, strategy 4" "$T/now"
}
# moved HOST: and what it says from then on is in $T/now.
moved() {
	local lines
	lines=$(wc -l <"$T/out")
	t pmig_on alpha move declares "$1"
	agreed declares
	await "$T/out" "to $1, locator"
	tail -n +"$((lines + 1))" "$T/out" >"$T/now"
	until grep -qx 'that is all' "$T/now"; do tail -n +"$((lines + 1))" "$T/out" >"$T/now"; done
}

moved beta
check "a hook that refuses is asked again" grep -qx 'before: not now' "$T/out"
looked beta
check "where a thing was opened goes along with it" \
	jq -e ".resources[] | select(.name == \"$home/stray\") | .opened == \"open_stray (declares.c:$line)\"" \
	<(pmig_on alpha plan --json declares gamma)
check "what moved has left alpha" on alpha test ! -e "$home/ledger"
check "what was copied has not" on alpha test -e "$home/ruled"
moved gamma
looked gamma

# No byte of a secret is in an image; the program goes on with it.
t pmig_on alpha checkpoint declares -o "$home/declares.image"
check "the image has no secret" on alpha sh -c "! grep -aqE '(key|vault)-0123456789' $home/declares.image"
check "the image has the rest" on alpha grep -aq declared/ledger "$home/declares.image"
t pmig_on alpha kill -KILL declares

# What is opened after the plan was made, and is to be found anew at the target, ends the move: nothing has changed, and it goes on.
on alpha "$BIN/pmig" run --name late -- "$BIN/tests/declares" "$home" late >"$T/late" 2>"$T/err" </dev/null &
await "$T/late" '^5$'
t pmig_on alpha plan late beta
expect 3 pmig_on alpha move late beta
says 'freeze: .*the late one.*it was opened after the plan was made: it would be rebound, and the target was not asked what it has; move again'
await "$T/late" '^after ledger: failed, .*it was opened after the plan was made'
lines=$(wc -l <"$T/late")
await "$T/late" "^$((lines + 20))$"
t pmig_on alpha kill -KILL late
