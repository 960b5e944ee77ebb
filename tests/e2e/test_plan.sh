#!/bin/bash
# shellcheck source=lib.sh
# What a move would do is decided before anything is frozen: each resource with its strategy and the reason, as text and as
# JSON, in the registry when the move goes on; and what cannot go is refused by name, with nothing touched.
. "$(dirname "$0")/lib.sh"
hosts_begin

# begin NAME PROGRAM...: on alpha, in the background; it runs when this returns.
begin() {
	local name=$1
	shift
	pmig_on alpha run --name "$name" -- "$@" </dev/null >"$T/$name.out" 2>"$T/$name.err" &
	case $1 in
	*/holds) await "$T/$name.out" '^3$' ;; # behind its first safe point: what it declared is known
	*) await "$T/$name.out" . ;;
	esac
}
# goes_on NAME: it counts on from where it is.
goes_on() {
	local lines
	lines=$(wc -l <"$T/$1.out")
	await "$T/$1.out" "^$((lines + 5))\$"
	check "$1 goes on at home" host_runs alpha holds
	check "and nothing of it runs on beta" test -z "$(pids_on beta holds)"
}
end() {
	t pmig_on alpha kill -KILL "$1"
	wait || true
}
# plan NAME [HOST]: as JSON in $T/NAME.plan.
plan() {
	pmig_on alpha plan --json "$1" "${2:-beta}" >"$T/$1.plan" || fail "no plan of $1"
	check "plan of $1 for ${2:-beta}: JSON" jq -e . "$T/$1.plan" >"$T/jq"
}
# of NAME QUERY: something of the plan.
of() { jq -r "$2" "$T/$1.plan"; }
# decided NAME RESOURCE STRATEGY [ORIGIN]: what the plan says of it.
decided() {
	local got
	got=$(jq -r ".resources[] | select(.name == \"$2\") | \"\(.strategy) \(.origin)\"" "$T/$1.plan")
	check "$1: $2: $3, ${4:-undeclared}" test "$got" = "$3 ${4:-undeclared}"
}
# refused NAME SENTENCE: neither plan nor move is possible; the program has not been frozen and goes on.
refused() {
	expect 3 pmig_on alpha move "$1" beta
	says "plan: move refused: $2"
	expect 3 pmig_on alpha plan "$1" beta
	says "move refused: $2"
	check "no step of a hand-over of $1" test "$(pmig_on alpha registry --json steps "$1")" = '[]'
	goes_on "$1"
	end "$1"
}

# --- index: a result that it writes ---
on alpha sh -c 'mkdir ~/data && awk "BEGIN {
	srand(1)
	for (i = 0; i < 200000; i++) {
		for (w = \"\"; length(w) < 7;) w = w sprintf(\"%c\", 97 + int(rand() * 26))
		print w, \"and\", w
	}}" >~/data/text'
home=$(on alpha sh -c 'echo ~')
begin index "$BIN/samples/index" "$home/data/text" "$home/data/result"
await "$T/index.out" '^word 2000'
plan index
decided index "$home/data/result" move
decided index 'standard output' reference
decided index 'standard input' reference
check "the C library is the target's own" jq -e '.resources[] | select(.kind == "library" and (.name | test("libc.so"))) |
	.strategy == "rebind" and (.there | test("libc.so"))' "$T/index.plan"
check "every resource has a reason" jq -e '.possible and all(.resources[]; .reason != "" and .cell != "unknown")' "$T/index.plan"
check "facts: image, space, bandwidth, round trip" jq -e '.facts | .image_bytes.value > 0 and .image_bytes.source == "measured" and
	.space_bytes.source == "asked" and .bandwidth_bytes_per_second.value > 0 and .rtt_nanoseconds.value > 0' "$T/index.plan"
check "it took, beside everything else that this machine does: $(jq .milliseconds "$T/index.plan")" jq -e '.milliseconds < 1000' "$T/index.plan"
pmig_on alpha plan index beta >"$T/index.text"
await "$T/index.text" "^  $home/data/result +by identifier, unattached +move "
await "$T/index.text" "^      file, undeclared.*: only this process uses it: it goes along"
check "--plan is the same" test "$(pmig_on alpha move --plan index beta | grep -c .)" -ge "$(grep -c . "$T/index.text")"
check "nothing was touched" test "$(pmig_on alpha registry --json decisions index)" = '[]'
check "nothing is on beta" on beta test ! -e "$home/data"
t pmig_on alpha move index beta
agreed index
pmig_on alpha registry --json decisions index >"$T/decisions"
check "the registry has what was decided" jq -e --arg r "$home/data/result" 'any(.[]; .resource == $r and .strategy == "move" and
	.reason != "") and any(.[]; .strategy == "rebind")' "$T/decisions"
check "and so it was done: the result is gone from alpha" on alpha test ! -e "$home/data/result"
check "and is on beta" on beta test -e "$home/data/result"
check "the way is known now" jq -e '.[] | select(.name == "beta") | .bytes_per_second > 0 and .arch == "x86_64"' \
	<(pmig_on alpha registry --json hosts)
plan index home
decided index "$home/data/result" move
end index

# --- a text that is only read is on both hosts then ---
begin reader "$BIN/tests/holds" read "$home/data/text"
plan reader
decided reader "$home/data/text" copy
t pmig_on alpha move reader beta
on alpha cat "$home/data/text" >"$T/text.alpha"
on beta cat "$home/data/text" >"$T/text.beta"
same "$T/text.alpha" "$T/text.beta"
plan reader home
decided reader "$home/data/text" copy
end reader

# --- what has an address stays at it ---
begin connection "$BIN/tests/holds" connection
plan connection
check "both ends of a connection stay and are reached" jq -e '[.resources[] | select(.kind == "socket") | .strategy] == ["reference", "reference"]' \
	"$T/connection.plan"
end connection
begin listener "$BIN/tests/holds" listener
plan listener
check "a listener stays and is reached" jq -e '.resources[] | select(.kind == "listener") | .strategy == "reference"' "$T/listener.plan"
end listener

# --- what cannot go along and can be reached stays where it is; what lies at the target is never overwritten ---
begin outside "$BIN/tests/holds" outside
pmig_on alpha plan --json outside beta >"$T/outside.plan" 2>"$T/stderr" || check "refused" test $? -eq 3
says 'outside has child processes that run: [0-9]+ \(holds\)'
check "the pipe to another process is reached" jq -e '.resources[] | select(.kind == "pipe") | .strategy == "reference" and
	(.cell | test("shared"))' "$T/outside.plan"
end outside
begin written "$BIN/tests/holds" written "$home/data/file"
on beta sh -c 'mkdir -p ~/data && echo something else >~/data/file'
plan written
decided written "$home/data/file" reference
check "and why not moved" jq -e 'any(.resources[].alternatives[]; .reason | test("beta has another file \\(15 bytes"))' "$T/written.plan"
t pmig_on alpha move written beta
agreed written
check "it is as it was" test "$(on beta cat "$home/data/file")" = "something else"
end written

# --- what is within the process goes along, and so does what was declared ---
begin within "$BIN/tests/holds" within
plan within
check "both ends of the pipe are part of it" jq -e '[.resources[] | select(.kind == "pipe" and .part)] | length == 2' "$T/within.plan"
t pmig_on alpha move within beta
agreed within
end within
on beta mkdir "$home/data/all"
on alpha mkdir "$home/data/all"
begin all "$BIN/tests/holds" all "$home/data/all"
plan all
for kind in 'device rebind' 'directory move' 'file copy' 'eventfd move' 'timerfd move' 'signalfd move' 'standard reference'; do
	check "all: ${kind/ /: }" test "$(of all '[.resources[] | select(.kind == "'"${kind% *}"'") | .strategy] | unique | join(" ")')" \
		= "${kind#* }"
done
plan all gamma
check "gamma has no such folder: it stays and is reached" jq -e '.resources[] | select(.kind == "directory") |
	.strategy == "reference" and any(.alternatives[]; .reason | test("gamma has no such directory"))' "$T/all.plan"
t pmig_on alpha move all beta
agreed all
end all
begin scratch "$BIN/tests/holds" scratch "$home/data/scratch"
plan scratch
decided scratch scratch rebind 'run time'
check "to a place of beta's" jq -e '.resources[] | select(.name == "scratch") | .there == "/tmp"' "$T/scratch.plan"
t pmig_on alpha move scratch beta
agreed scratch
plan scratch gamma
decided scratch scratch rebind 'run time'
end scratch
begin matched "$BIN/tests/holds" matched "$home/data/matched.data"
plan matched
decided matched 'the matched one' reference 'file scope'
t pmig_on alpha move matched beta
agreed matched
end matched

# --- a version that it left itself on the way may be replaced when it comes back ---
begin growing "$BIN/tests/holds" growing /tmp/growing
for host in beta alpha beta; do
	plan growing $host
	decided growing /tmp/growing copy
	t pmig_on alpha move growing $host
done
end growing

# --- more than one answer has room for ---
on alpha mkdir "$home/data/many"
begin many "$BIN/tests/holds" many "$home/data/many"
plan many gamma
check "700 files move" jq -e '[.resources[] | select(.kind == "file" and .strategy == "move")] | length == 700' "$T/many.plan"
check "it took less than a second: $(jq .milliseconds "$T/many.plan") ms" jq -e '.milliseconds < 1000' "$T/many.plan"
t pmig_on alpha move many gamma
agreed many
check "they are on gamma" test "$(on gamma ls "$home/data/many" | wc -l)" -eq 700
end many

# --- what turns out otherwise when it is frozen is undone, and said ---
begin turning "$BIN/tests/holds" turning "$home/data/text"
plan turning gamma
decided turning "$home/data/text" copy
expect 3 pmig_on alpha move turning gamma
says "freeze: .*$home/data/text .*the plan took it as by value, unattached, and now it is by identifier"
check "the text is where it was" on alpha test -e "$home/data/text"
goes_on turning
end turning

# --- a child process that runs would stay behind: refused before the freeze, and it goes on ---
begin child "$BIN/tests/holds" child
expect 3 pmig_on alpha plan child beta
says 'child has child processes that run: [0-9]+'
expect 3 pmig_on alpha move child beta
goes_on child
end child
