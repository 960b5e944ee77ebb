#!/bin/bash
# shellcheck source=lib.sh
# Four threads that wait in accept() on one socket, away and home. Clients that come while the server stands still on its way home are accepted first; then its
# own socket takes the place of what they came in by, also for the threads that wait there.
. "$(dirname "$0")/lib.sh"
hosts_begin

RUN_ENV=(PMIG_FAULT=freeze:frozen=delay:4000) # each host's agent, the first time that the server is frozen there
start alpha server "$BIN/tests/accepts" threads 8130 8
await "$T/server.out" ready
# come NAME WORD: a client that says that
come() {
	on gamma perl -MIO::Socket -e '$| = 1; alarm 60; my $s = IO::Socket::INET->new(PeerAddr => "alpha:8130") or die "no: $!\n"; print $s "$ARGV[0]\n"; print "said\n"; print <$s>' \
		"$2" >"$T/$1" 2>&1 &
	await "$T/$1" said
}
# Until its image is complete there.
frozen_at() {
	local i
	for ((i = 0; i < 300; i++)); do ! on "$1" sh -c 'ls ~/.local/state/pmig/*/image/*.rows ~/.local/state/pmig/image/*.rows; true' 2>/dev/null | grep -q . || return 0; done
	fail "it does not stand still at $1"
}
# meanwhile FROM TO: two clients come while the server stands still on its way.
meanwhile() {
	pmig_on alpha move server "$2" >"$T/move.$2" 2>&1 &
	local moving=$!
	frozen_at "$1"
	come "first.$2" one
	come "second.$2" two
	check "it was on its way yet" kill -0 $moving
	t wait $moving
	await "$T/first.$2" "^$2 .*: one$"
	await "$T/second.$2" "^$2 .*: two$"
}
# Four at once: none of the threads is missing. Each is held until it says free.
four() {
	local i pipe
	local -a pipes
	for i in 1 2 3 4; do
		rm -f "$T/$1.$i" "$T/$1.$i.pipe"
		mkfifo "$T/$1.$i.pipe"
		on gamma perl -MIO::Socket -e '$| = 1; alarm 60; my $s = IO::Socket::INET->new(PeerAddr => "alpha:8130") or die "no: $!\n"; print $s "hold\n"; print "holds\n";
			my $go = <STDIN>; print $s "free\n"; print <$s>' <"$T/$1.$i.pipe" >"$T/$1.$i" 2>&1 &
		exec {pipe}>"$T/$1.$i.pipe"
		pipes[i]=$pipe
		await "$T/$1.$i" holds
	done
	for i in 4 3 2 1; do
		pipe=${pipes[i]}
		echo go >&"$pipe"
		exec {pipe}>&-
		await "$T/$1.$i" "^$1 .*: free"
	done
	echo "ok - four threads at $1 serve at once"
}
four alpha
meanwhile alpha beta
four beta
meanwhile beta alpha
four alpha
check "nothing stays behind" test "$(pmig_on alpha references --json server)" = '[]'
come last end
ended_with server 0
