#!/bin/bash
# shellcheck source=lib.sh
# The three samples go alpha -> beta -> gamma -> alpha in the middle of their work, on a terminal of alpha, and end with what
# they end with undisturbed. It shows what happens, and at each hop checks more than it shows: arrived(). tools/demo
# builds everything and runs this; test_demo.sh runs it as a test.
. "$(dirname "$0")/lib.sh"

bold='' dim='' plain=''
[ ! -t 1 ] || { bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; }
say() { printf '%s\n' "$*"; }
typed() { printf '  %s%s$ %s%s\n' "$bold" "alpha" "$*" "$plain"; }
found() { printf '  %s%s%s\n' "$dim" "$*" "$plain"; }

# Here the checks are silent as long as they hold: the words are those of say() and found().
check() {
	local words=$1
	shift
	"$@" || fail "$words ($*: exit status $?)"
}
absent() { check "$1 does not see $2" on "$1" test ! -e "$2"; }

SHOWN_MAX=4
HOME_OF=/home/mig
declare -A WAY PID
TOOK=0

# --- the terminal: what the program writes there is in $T/NAME.terminal, line ends as a terminal has them ---

# on_terminal NAME COMMAND: on a pseudo-terminal of alpha, in the home directory of its user, with pmig in its PATH.
on_terminal() {
	local name=$1 status=0
	on alpha script -qefc "PATH=$BIN:\$PATH; $2" /dev/null <"$T/keyboard" >"$T/$name.terminal" || status=$?
	echo "status $status" >"$T/$name.status"
}

lines() { wc -l <"$T/$1.terminal"; }
last_line() { tail -n 1 "$T/$1.terminal" | tr -d '\r'; }

# await_line NAME N: until the terminal has more than N lines, or the program has ended: on a busy machine it may have had its
# last word before it was looked at, and on a quick one it may end in this moment. What it ended with is asked at its end.
await_line() {
	local out status=0 follower lines='' ends=''
	exec {out}< <(
		trap 'kill $lines $ends' TERM
		tail -s 0.02 -n "+$(($2 + 1))" -F "$T/$1.terminal" 2>/dev/null &
		lines=$!
		tail -s 0.02 -n +1 -F "$T/$1.status" 2>/dev/null &
		ends=$!
		wait
	)
	follower=$!
	timeout 60 grep -qm1 . <&"$out" || status=$?
	kill "$follower" 2>/dev/null || true
	exec {out}<&-
	[ $status -eq 0 ] || fail "$1 writes nothing after line $2 ($(last_line "$1")); $(cat "$T/$1.status" 2>/dev/null || echo 'it runs')"
}

# show NAME FROM TO: these lines of the terminal, the middle left out where they are many.
show() {
	local name=$1 from=$2 to=$3
	if [ $((to - from)) -le $SHOWN_MAX ]; then
		sed -n "$((from + 1)),${to}p" "$T/$name.terminal"
	else
		sed -n "$((from + 1)),$((from + 2))p" "$T/$name.terminal"
		echo "... $((to - from - 3)) lines more ..."
		sed -n "${to}p" "$T/$name.terminal"
	fi | tr -d '\r' | sed 's/^/    | /'
}

# --- what is true at each hop ---

# Whether the restored program has its libraries at other addresses than before, as the journal of HOST has it. Read from
# a copy: SQLite does not follow the way into another root directory.
libraries() {
	rm -rf "$T/journal"
	mkdir "$T/journal"
	cp "$(hosts path "$1")$HOME_OF"/.local/state/pmig/*/registry.db* "$T/journal"
	sqlite3 "$T/journal/registry.db" "SELECT detail FROM handover_steps JOIN handovers ON handovers.id = handover
		JOIN processes ON uuid = process WHERE name = '$2' AND step = 'restore' AND phase = 2 ORDER BY handovers.began DESC LIMIT 1"
}

# has HOST PID PATH...: the process has these files open, or in its memory.
has() {
	local host=$1 pid=$2 path
	shift 2
	hosts exec "$host" sh -c 'ls -l "/proc/$1/fd" && cat "/proc/$1/maps"' sh "$pid" >"$T/has"
	for path; do check "the process on $host has $path" grep -q -- "$path" "$T/has"; done
}

arrived_index() {
	has "$1" "$2" " -> $HOME_OF/text$" " -> $HOME_OF/result$"
	check "the text went along to $1" test "$(on "$1" sha256sum text)" = "$(on alpha sha256sum text)"
	check "the result is gone from $3" on "$3" test ! -e result
	found "its text and the result it writes went along; the result is gone from $3"
}

arrived_raytrace() {
	[ "$1" != alpha ] || return 0
	has "$1" "$2" "$HOME_OF/.cache/pmig/[0-9a-f]*/libpng16"
	found "$1 has no libpng; alpha's was sent along"
}

arrived_queens() { :; }

# arrived NAME FROM HOST: it runs there, in that host's process space and in no other, from what was sent along.
arrived() {
	local name=$1 from=$2 host=$3 other pid space
	# The frozen process at FROM ends, and what was moved is removed there, while the program runs on already.
	timeout 20 "$PMIG_SOURCE/tests/hosts.sh" exec "$from" tail -s 0.02 --pid="${PID[$name]}" -f /dev/null || fail "$name is still on $from"
	pid=$(pids_on "$host" "$name")
	check "$name runs on $host, once" test "$(wc -w <<<"$pid")" = 1
	for other in alpha beta gamma; do
		[ "$other" = "$host" ] || check "$name does not run on $other" test -z "$(pids_on "$other" "$name")"
	done
	space=$(hosts exec "$host" readlink "/proc/$pid/ns/pid")
	check "it runs in the process space of $host" test "$space" = "$(pid_space "$host")"
	check "its libraries lie at other addresses on $host" test "$(libraries "$host" "$name")" = 'libraries moved'
	[ "$host" = alpha ] || check "the program was sent along" \
		test "$(hosts exec "$host" readlink -m "/proc/$pid/exe" | sed "s|^$HOME_OF/.cache/pmig/[0-9a-f]*/||")" = "$name"
	found "$TOOK ms from the command to its end; process $pid in the process space of $host ($space), libraries elsewhere"
	"arrived_$name" "$host" "$pid" "$from"
	PID[$name]=$pid
}

# --- one sample ---

# undisturbed NAME ARGUMENT...: the same program alone; what it left goes to $T.
undisturbed() {
	local name=$1
	on_terminal "$name" "./$*"
	check "$name alone ends well" test "$(cat "$T/$name.status")" = 'status 0'
	mv "$T/$name.terminal" "$T/$name.undisturbed"
	rm "$T/$name.status"
}

# travels NAME ARGUMENT...: and at each host gets on with its work before it goes to the next.
travels() {
	local name=$1 from=alpha host at began shown=0
	on_terminal "$name" "exec pmig run -- ./$*" 8<&- &
	typed "pmig run -- ./$*"
	await_line "$name" 0
	PID[$name]=$(pids_on alpha "$name")
	at=$(lines "$name")
	for host in beta gamma alpha; do
		show "$name" "$shown" "$at"
		shown=$at
		typed "pmig move $name $host"
		printf '  '
		began=$(date +%s%N)
		hosts as alpha "$BIN/pmig" move "$name" "$host" </dev/null 2>&1 || fail "pmig move $name $host: exit status $?"
		TOOK=$((($(date +%s%N) - began) / 1000000))
		WAY[$host]=$(last_line "$name")
		arrived "$name" "$from" "$host"
		at=$(lines "$name")
		await_line "$name" "$at"
		at=$(lines "$name")
		from=$host
	done
	differ "progress on beta and gamma" "${WAY[beta]}" "${WAY[gamma]}"
	differ "progress on gamma and alpha" "${WAY[gamma]}" "${WAY[alpha]}"
	await "$T/$name.status" '^status' 120
	check "$name ends well" test "$(cat "$T/$name.status")" = 'status 0'
	show "$name" "$shown" "$(lines "$name")"
	agreed "$name" >"$T/agreed.out"
	same "$T/$name.terminal" "$T/$name.undisturbed"
}

# identical NAME FILE: and so is what it wrote, which lies at home only.
identical() {
	check "$2 is identical" on alpha cmp "$2" "$2.undisturbed"
	for host in beta gamma; do absent "$host" "$2"; done
}

# --- all of it ---

say "Three hosts on this machine, each with its own network, files, processes and sshd: alpha, beta, gamma."
hosts_begin
mkfifo "$T/keyboard"
exec 8<>"$T/keyboard"
differ "process spaces of alpha and beta" "$(pid_space alpha)" "$(pid_space beta)"
differ "process spaces of beta and gamma" "$(pid_space beta)" "$(pid_space gamma)"
check "alpha sees the build" on alpha test -x "$BIN/pmig"
for host in beta gamma; do
	absent $host "$PMIG_SOURCE"
	absent $host "$PMIG_BUILD"
	check "$host has no pmig" on $host sh -c '! command -v pmig'
	check "$host has no libpng" on $host sh -c '! ls /usr/lib/*/libpng* /lib/*/libpng* 2>/dev/null | grep .'
done
say "Only alpha has pmig and the programs; beta and gamma have sshd, and neither pmig nor libpng."
on alpha sh -c "ln -s $BIN/samples/queens $BIN/samples/index $BIN/samples/raytrace . && cat /usr/share/wordnet/data.* /usr/share/wordnet/index.* >text
	for letters in b-za c-za-b; do cut -d' ' -f1 /usr/share/wordnet/index.* | tr a-z \$letters >>text; done" # more words: enough work for three moves

say "First each program alone, undisturbed, on alpha, to compare with."
undisturbed queens 14 8<&-
undisturbed index text result 8<&-
undisturbed raytrace picture.png 5000 6000 8<&-
on alpha sh -c 'for f in result picture.png; do mv $f $f.undisturbed; done'

say
say "${bold}queens${plain} counts the ways to place 14 queens, and moves in the middle of the recursion."
travels queens 14
found "its output is identical to that of the undisturbed run"

say
say "${bold}index${plain} reads $(on alpha stat -c %s text) bytes made of WordNet, builds an index on the heap, and writes it to a file."
travels index text result
identical index result
found "its output and its result are identical to those of the undisturbed run"

say
say "${bold}raytrace${plain} renders 20 million pixels into memory, and then writes them with libpng."
travels raytrace picture.png 5000 6000
identical raytrace picture.png
found "its output and its picture are identical to those of the undisturbed run"

say
say "all three samples went alpha -> beta -> gamma -> alpha in the middle of their work; their results are identical to undisturbed runs"
