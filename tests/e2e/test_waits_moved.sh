#!/bin/bash
# shellcheck source=lib.sh
# A program that waits is moved at once, whatever it waits in: it is asked in the middle of the call, and on the other host the call is
# repeated with the time that was left.
. "$(dirname "$0")/lib.sh"
hosts_begin
program=$BIN/tests/waiter
mkfifo "$T/input"
kinds=(read fgets getline getchar fread scanf poll select epoll accept sleep limit rest pause broken sigsuspend sigwait)
INPUT=$T/input start alpha waiter "$program" "${kinds[@]}"
exec 7>"$T/input"

# there_and_back: to beta and home again while it waits; what it is told to stop for is milliseconds.
there_and_back() {
	await "$T/waiter.out" "begins $1\$"
	check "$1: to beta while it waits" pmig_on alpha move waiter beta 2>>"$T/moves"
	[ -z "${2:-}" ] || printf '%s' "$2" >&7
	check "$1: and back" pmig_on alpha move waiter alpha 2>>"$T/moves"
}
signal() { t hosts exec alpha kill -USR1 "$(pids_on alpha waiter)"; }
ends() { await "$T/waiter.out" "^alpha ends $1: $2\$"; }

there_and_back read && echo one >&7 && ends read one
there_and_back fgets 'half ' && echo whole >&7 && ends fgets 'half whole'
there_and_back getline 'half ' && echo whole >&7 && ends getline '11 half whole'
there_and_back getchar 'ch' && echo ars >&7 && ends getchar chars
there_and_back fread 'twenty by' && echo 'tes, all of' >&7 && ends fread 'twenty bytes, all of'
there_and_back scanf '12' && echo ' 34' >&7 && echo -n x >&7 && ends scanf '2: 12 34'
there_and_back poll && echo polled >&7 && ends poll xpolled
there_and_back select && echo selected >&7 && ends select selected
there_and_back epoll && echo waited >&7 && ends epoll waited
there_and_back accept &&
	t on alpha perl -MIO::Socket -e 'IO::Socket::UNIX->new(Peer => "/tmp/waiter.socket")->send("called\n")' && ends accept called
there_and_back sleep && ends sleep 'on time'
there_and_back limit && ends limit 'on time'
for kind in rest pause broken; do there_and_back $kind && signal && ends $kind interrupted; done
for kind in sigsuspend sigwait; do there_and_back $kind && signal && ends $kind signal; done
exec 7>&-
ended_with waiter 0
check "nothing on standard error" test ! -s "$T/waiter.err"
sort "$T/moves" | sed -n 's/.*stopped for \([0-9.]*\) s.*/\1/p' | sort -n | sed -n '1p;$p' | tr '\n' ' '
echo "s: the shortest and the longest of $(grep -c 'stopped for' "$T/moves") stops"
