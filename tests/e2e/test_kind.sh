#!/bin/bash
# A kind of resource from outside the tree: built with nothing but the installed headers, it goes along by content; its handle is set
# anew there and on the way back, and nobody goes on without it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

prefix=$T/prefix
check "pmig is installed elsewhere" cmake --install "$PMIG_BUILD" --prefix "$prefix"
cp "$PMIG_SOURCE"/samples/kind/* "$T"
t cc -Wall -Wextra -Werror -std=gnu17 -shared -fPIC -Wl,-soname,libcounter.so -I"$prefix/include" -o "$T/libcounter.so" "$T/counter.c"
t "$prefix/bin/pmig-cc" -O2 -o "$T/tally" "$T/tally.c" -L"$T" -lcounter -Wl,-rpath,/home/mig/tally

hosts_begin
home=/home/mig/tally
on alpha mkdir -p "$home"
for file in tally libcounter.so; do
	on alpha tee "$home/$file" <"$T/$file" >/dev/null
	on alpha chmod +x "$home/$file"
done

# There and back: no number is missing, and the file is where the program is.
on alpha "$BIN/pmig" run --kind "$home/libcounter.so" --name tally -- "$home/tally" /home/mig/number 100000 \
	>"$T/tally.out" 2>"$T/tally.err" </dev/null &
await "$T/tally.out" '^10$'
pmig_on alpha plan --json tally beta >"$T/plan"
check "the plan moves it" jq -e '.resources[] | select(.name == "the tally" and .kind == "counter" and .strategy == "move")' "$T/plan"
check "its descriptor is no resource of its own" jq -e '[.resources[] | select(.locator == "/home/mig/number")] | length == 1' "$T/plan"
t pmig_on alpha move tally beta
await "$T/tally.out" "^at beta: strategy 1, counter /home/mig/number"
t on beta test -s /home/mig/number
check "it has left alpha" on alpha test ! -e /home/mig/number
t pmig_on alpha move tally alpha
await "$T/tally.out" "^at alpha: strategy 1, counter /home/mig/number"
t on alpha test -s /home/mig/number
check "it has left beta" on beta test ! -e /home/mig/number

# It comes along to where a program is started, too.
on alpha "$BIN/pmig" run --on beta --kind "$home/libcounter.so" --name there -- "$home/tally" /home/mig/there 3 >"$T/there.out" </dev/null
check "it counted at beta" grep -qx '3 steps' "$T/there.out"
t on beta test -s /home/mig/there

# An image knows which kind it needs.
t pmig_on alpha checkpoint tally --stop -o "$home/tally.image"
expect 3 pmig_on alpha restart --clone "$home/tally.image"
says 'the kind counter is not known here; give it with --kind'
expect 125 pmig_on alpha run --kind /bin/true -- "$home/tally" "$home/other" 1
expect 125 pmig_on alpha run --kind "$home/no-such.so" -- "$home/tally" "$home/other" 1
says 'no-such.so: No such file'
on alpha rm /home/mig/number
on alpha "$BIN/pmig" restart --clone --name again --kind "$home/libcounter.so" "$home/tally.image" >"$T/again.out" 2>"$T/again.err" </dev/null &
await "$T/again.out" "^at alpha: strategy 1"
t pmig_on alpha kill -KILL again
! grep -h wrong "$T"/*.out || fail "a number is missing or came twice"
