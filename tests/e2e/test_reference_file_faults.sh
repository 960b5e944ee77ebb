#!/bin/bash
# shellcheck source=lib.sh
# A file that stays at beta while the program is on gamma: beta's disk is full, the way to it is cut and mended, a move is given up, its
# agent is gone for good. The program hears of each as of any file's trouble.
. "$(dirname "$0")/lib.sh"
hosts_begin
mkfifo "$T/orders"
FILES=$(on beta sh -c 'mkdir -p ~/files/list && cd ~/files && echo begin >log && printf 0123456789 >data && echo "line 1" >stream && pwd')

(
	status=0
	on alpha env PMIG_FAULT=commit=fail "$BIN/pmig" run --name refers --on beta -- "$BIN/tests/refers" "$FILES/log" "$FILES/data" "$FILES/stream" "$FILES/list" \
		<"$T/orders" >"$T/refers.out" 2>"$T/refers.err" || status=$?
	echo "status $status" >"$T/refers.status"
) &
exec {orders}>"$T/orders"
await "$T/refers.out" ready

# does WANT ORDER...: the program's answer to one order.
N=0
does() {
	local want=$1
	shift
	N=$((N + 1))
	echo "$*" >&"$orders"
	await "$T/refers.out" "^$N " 60
	check "$*: $want" test "$(sed -n "s/^$N [a-z]*: //p" "$T/refers.out")" = "$want"
}
locked() {
	expect "$1" hosts as beta perl -e 'use Fcntl; sysopen my $f, $ARGV[0], O_RDWR or die; my $l = pack("ssx4qqlx4", F_WRLCK, 0, 5, 1, 0);
		exit(fcntl($f, F_SETLK, $l) ? 0 : 1)' "$FILES/data"
}

# --- a move that is given up after the lock was handed over: it is the process's again ---
does 0 lock 5
expect 5 pmig_on alpha move refers gamma
locked 1
does 0 unlock 5
locked 0
does 0 lock 5

t pmig_on alpha move refers gamma
does 5 log four
locked 1

# --- a full disk there ---
hosts full beta
does ENOSPC fill 4000
hosts full beta off
does 6 log again
does 0 sync
check "what was written after that is there" on beta sh -c "tail -n 1 ~/files/log | grep -q 'again$'"

# --- a cable that is pulled and plugged in again ---
hosts cut beta
echo "log meanwhile" >&"$orders"
hosts mend beta
N=$((N + 1))
await "$T/refers.out" "^$N log: 10" 60
does 0 sync
check "what was written meanwhile is there" on beta sh -c "tail -n 1 ~/files/log | grep -qx meanwhile"

# --- who holds it is gone for good ---
# shellcheck disable=SC2046
hosts exec beta kill -KILL $(pids_on beta pmig-agent)
does EIO read 0 4
does EIO sync
check "standard error has a word of it" grep -q "$FILES/data: .*cannot be used any more" "$T/refers.err"
exec {orders}>&-
ended_with refers 0
