# shellcheck shell=bash
# lib.sh: what every end-to-end test begins with:
#
#	. "$(dirname "$0")/lib.sh"
#	hosts_begin                                    # alpha, beta, gamma; skips the test where that is not allowed
#	t pmig_on alpha move queens beta               # a step: a line of output, and the test ends here if it fails
#	check "the result is the same" cmp a b         # the same with words of its own
#	await "$T/out" 'row 12' 20                     # until the file has a matching line; no sleeping
#
# $T is a directory of this test, shown when the test fails and removed when it passes. $PMIG_BUILD is the build tree
# (its bin/ has everything), $PMIG_SOURCE the checkout; alpha sees both, read-only, beta and gamma neither.
set -euo pipefail

# Closes what the test runner left open: a program that inherits such a descriptor could not be moved. The shell's own
# are closed on exec.
close_inherited() {
	local info fd key value
	for info in "/proc/$$/fdinfo"/*; do
		fd=${info##*/}
		[ "$fd" -gt 2 ] || continue
		while read -r key value; do
			[ "$key" = flags: ] && [ $((value & 02000000)) -eq 0 ] && exec {fd}>&- || true
		done 2>/dev/null <"$info" || true
	done
}
close_inherited

LIB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PMIG_SOURCE=${PMIG_SOURCE:-$(cd "$LIB_DIR/../.." && pwd)}
PMIG_BUILD=${PMIG_BUILD:-$PMIG_SOURCE/build/dev}
BIN=$PMIG_BUILD/bin
TEST_NAME=$(basename "$0" .sh)
T=$(mktemp -d "/tmp/pmig-$TEST_NAME.XXXXXX")
export PMIG_SOURCE PMIG_BUILD BIN T
LIB_OWNS_HOSTS='' LIB_SSHDS=()

skip() {
	echo "skipped: $*"
	exit 77
}

fail() {
	echo "not ok - $*" >&2
	exit 1
}

# check WORDS CMD...: CMD must succeed.
check() {
	local words=$1
	shift
	"$@" || fail "$words ($*: exit status $?)"
	echo "ok - $words"
}

# t CMD...: the same, the command being its own words.
t() { check "$*" "$@"; }

# expect STATUS CMD...: CMD must end with exactly this exit status; its standard error is in $T/stderr.
expect() {
	local want=$1 got=0
	shift
	"$@" 2>"$T/stderr" || got=$?
	[ "$got" -eq "$want" ] || { cat "$T/stderr" >&2 && fail "$*: exit status $got, not $want"; }
	echo "ok - $* ends with $want"
}

# says PATTERN: what the last expect() ended with, in words.
says() {
	grep -qE -- "$1" "$T/stderr" || { cat "$T/stderr" >&2 && fail "no word of '$1'"; }
	echo "ok - it says: $(grep -m1 -E -- "$1" "$T/stderr")"
}

# await FILE PATTERN [SECONDS]: until FILE (which may not exist yet) has a line that matches.
await() {
	local out status=0
	exec {out}< <(exec tail -n +1 -F "$1" 2>/dev/null)
	local follower=$!
	timeout "${3:-30}" grep -qm1 -E -- "$2" <&"$out" || status=$?
	kill "$follower" 2>/dev/null || true
	exec {out}<&-
	[ $status -eq 0 ] || fail "$1: no line '$2' within ${3:-30} s; its end: $(tail -n 3 "$1" 2>/dev/null || true)"
}

# same FILE FILE
same() { check "$(basename "$1") and $(basename "$2") are identical" cmp "$1" "$2"; }

# differ WORDS A B: two strings that must not be equal.
differ() { check "$1: $2, then $3" test "$2" != "$3"; }

hosts() { "$PMIG_SOURCE/tests/hosts.sh" "$@"; }

# hosts_begin [VARIABLE=VALUE...]: the three hosts, up until the test ends; in a script started by one that has them, those.
hosts_begin() {
	if [ -n "${PMIG_HOSTS_UP:-}" ]; then return; fi
	export P=$TEST_NAME-$$
	hosts sweep
	local status=0
	hosts check 2>"$T/why" || status=$?
	if [ $status -eq 77 ]; then skip "$(sed 's/.*skipped: //' "$T/why")"; fi
	t env OWNER=$$ SHARE="$PMIG_SOURCE $PMIG_BUILD" "$@" "$PMIG_SOURCE/tests/hosts.sh" up
	export PMIG_HOSTS_UP=$P
	LIB_OWNS_HOSTS=1
}

# loopback_begin NAME...: where hosts_begin is not allowed: for each NAME an sshd of this user on a loopback port. HOME is
# then a directory of this test, in which ssh_config, keys and known_hosts lead to them by name.
loopback_begin() {
	local name
	export HOME=$T/home
	mkdir -p "$HOME/.ssh"
	chmod 700 "$HOME/.ssh"
	for name; do
		check "sshd for $name" "$PMIG_SOURCE/tests/sshd-user.sh" up "$T/$name"
		LIB_SSHDS+=("$T/$name")
		cat "$T/$name/config" >>"$HOME/.ssh/config"
		cat "$T/$name/known_hosts" >>"$HOME/.ssh/known_hosts"
	done
}

# on HOST CMD...: as the ordinary user of that host.
on() { hosts as "$@"; }

# pmig_on HOST VERB...: pmig as that user. After each move that succeeds it is looked whether what was done is what was planned.
pmig_on() {
	local host=$1 status=0
	shift
	hosts as "$host" "$BIN/pmig" "$@" || status=$?
	if [ $status -ne 0 ] || [ "$1" != move ] || [[ " $* " == *" --plan "* ]] || [ $# -lt 3 ]; then return $status; fi
	decided_and_done "${*: -2:1}" "$host"
	jq -e --slurpfile moves "$T/agreed.moves" "$AGREES | all(.[]; agrees)" "$T/agreed" >"$T/jq" ||
		fail "$*: what was done is not what was planned: $(cat "$T/agreed")"
}

# start HOST NAME PROGRAM...: under `pmig run` in the background, its input from $INPUT and the environment of RUN_ENV;
# standard output and error in $T/NAME.out and .err, its end in .status.
RUN_ENV=()
start() {
	local host=$1 name=$2
	shift 2
	(
		status=0
		on "$host" env "${RUN_ENV[@]}" "$BIN/pmig" run --name "$name" -- "$@" <"${INPUT:-/dev/null}" >"$T/$name.out" \
			2>"$T/$name.err" || status=$?
		echo "status $status" >"$T/$name.status"
	) &
}

# ended_with NAME STATUS: what start() began ends so.
ended_with() {
	await "$T/$1.status" '^status'
	check "$1 ended with $2" test "$(cat "$T/$1.status")" = "status $2"
}

# echo_begin HOST ARGUMENT...: tests/echo there, called "echo", which answers each line that descriptor 7 gets, and ends with their number.
# goes_on: one line more is answered. echo_end: there are no more lines, and it ends as it should.
lines=0
echo_begin() {
	local host=$1
	shift
	mkfifo "$T/input"
	INPUT=$T/input start "$host" echo "$BIN/tests/echo" "$@"
	exec 7>"$T/input"
	goes_on
}

goes_on() {
	echo "line $((++lines))" >&7
	await "$T/echo.out" "^$lines line $lines\$"
}

echo_end() {
	exec 7>&-
	ended_with echo $lines
}

# pids_on HOST NAME: its processes whose executable is called NAME, by their pids in the host.
# host_runs HOST NAME: is there one?
pids_on() { hosts exec "$1" sh -c 'for p in /proc/[0-9]*; do [ "$(basename "$(readlink "$p/exe")" " (deleted)")" = "$1" ] &&
	echo "${p#/proc/}"; done; true' sh "$2"; }
host_runs() { [ -n "$(pids_on "$1" "$2")" ]; }

# left_on HOST: the files of hand-overs that lie there.
left_on() {
	on "$1" sh -c 'cd ~/.local/state/pmig 2>/dev/null && find */image */spool */transit -type f 2>/dev/null
		find ~/.cache/pmig -name "*.part*" 2>/dev/null; true'
}

# nothing_on HOST: no agent (one that is asked to end gets its time), no image, no half of a file.
nothing_on() {
	local pid
	for pid in $(pids_on "$1" pmig-agent); do timeout 20 "$PMIG_SOURCE/tests/hosts.sh" exec "$1" tail --pid="$pid" -s 0.05 -f /dev/null || true; done
	check "no agent is left on $1" test -z "$(pids_on "$1" pmig-agent)"
	check "no image is left on $1" test -z "$(left_on "$1")"
}

# AGREES: of decisions of a move ($moves[0][-1]): the one that the program itself carried out did what the plan said.
AGREES='def agrees: if .done == "" then true elif .how == "part" then .done == "move" or .done == "copy"
	else .done == .strategy and .done_how == .how end;
	[.[] | select(.handover == $moves[0][-1].id)]'

# decided_and_done NAME HOST: decisions and moves of NAME, as the registry of HOST has them, in $T/agreed and $T/agreed.moves.
decided_and_done() {
	on "$2" "$BIN/pmig" registry --json decisions "$1" >"$T/agreed" || fail "no decisions of $1"
	on "$2" "$BIN/pmig" registry --json handovers "$1" >"$T/agreed.moves" || fail "no moves of $1"
}

# agreed NAME [HOST]: the registry of HOST (alpha, where it was started) says of its last move, resource by resource, that what was
# done is what was planned. What the program itself does nothing for (libraries, memory) has nothing beside it.
agreed() {
	local i
	for ((i = 0; i < 100; i++)); do # the source may still be on its way out
		decided_and_done "$1" "${2:-alpha}"
		! jq -e '.[-1].state == "done"' "$T/agreed.moves" >"$T/jq" || break
	done
	check "$1: what was done is what was planned, $(jq --slurpfile moves "$T/agreed.moves" "$AGREES | map(select(.done != \"\")) | length" \
		"$T/agreed") times" jq -e --slurpfile moves "$T/agreed.moves" \
		"(\$moves[0][-1].state == \"done\") and ($AGREES | any(.[]; .done != \"\") and all(.[]; agrees))" "$T/agreed"
}

# pid_space HOST: the identity of its process name space, as /proc/PID/ns/pid of a process in it shows it.
pid_space() { hosts exec "$1" readlink /proc/1/ns/pid; }

# at_end COMMAND: done when the test ends, however it does. A trap of one's own would hide how.
LIB_AT_END=()
at_end() { LIB_AT_END+=("$1"); }

lib_end() {
	local status=$? command
	trap - EXIT
	for command in "${LIB_AT_END[@]}"; do eval "$command" || true; done
	if [ $status -ne 0 ] && [ $status -ne 77 ]; then
		echo "--- $TEST_NAME failed with $status; what it left in $T:" >&2
		find "$T" -maxdepth 2 -type f -size -64k -exec grep -qI . {} \; -print0 | sort -z | head -zn 20 | xargs -0r tail -vn 15 >&2 || true
	fi
	local sshd
	for sshd in "${LIB_SSHDS[@]}"; do "$PMIG_SOURCE/tests/sshd-user.sh" down "$sshd" || true; done
	[ -z "$LIB_OWNS_HOSTS" ] || hosts down || true
	rm -rf "$T"
	exit $status
}
trap lib_end EXIT
trap 'exit 130' INT TERM HUP
