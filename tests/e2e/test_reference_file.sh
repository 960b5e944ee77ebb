#!/bin/bash
# shellcheck source=lib.sh
# Files that stay at alpha are read, written, appended to, locked and listed from beta and from gamma, under the numbers and by the FILE that
# the program had: what the one side does, the other side sees. At alpha again they are the things themselves.
. "$(dirname "$0")/lib.sh"
hosts_begin
mkfifo "$T/orders"
here() { on alpha sh -c "cd ~/files && $1"; }

# does WANT ORDER...: the program's answer to one order.
N=0
does() {
	local want=$1
	shift
	N=$((N + 1))
	echo "$*" >&"$orders"
	await "$T/refers.out" "^$N " 20
	check "$*: $want" test "$(sed -n "s/^$N [a-z]*: //p" "$T/refers.out")" = "$want"
}
# locked STATUS KIND: whether another process at alpha is kept out (1), or not (0).
cat >"$T/lock.pl" <<'PERL'
use Fcntl qw(:DEFAULT :flock);
my ($kind, $log, $data) = @ARGV;
if ($kind eq "flock") { open my $f, ">>", $log or die; exit(flock($f, LOCK_EX | LOCK_NB) ? 0 : 1) }
sysopen my $f, $data, O_RDWR or die;
my $l = pack("ssx4qqlx4", F_WRLCK, 0, 5, 1, 0);
exit(fcntl($f, F_SETLK, $l) ? 0 : 1);
PERL
locked() { expect "$1" hosts as alpha perl - "$2" "$H/files/log" "$H/files/data" <"$T/lock.pl"; }

H=$(on alpha sh -c 'echo ~')
on alpha sh -c 'mkdir -p ~/files/list && cd ~/files && echo begin >log && printf 0123456789 >data && touch list/one &&
	for i in 1 2 3 4 5 6; do echo "line $i"; done >stream'
INPUT=$T/orders start alpha refers "$BIN/tests/refers" "$H/files/log" "$H/files/data" "$H/files/stream" "$H/files/list"
exec {orders}>"$T/orders"
await "$T/refers.out" ready
hosts as alpha tail -n +1 -F "$H/files/log" >"$T/tail" 2>/dev/null {orders}>&- &
follower=$!
does 'line 1' line
does 2 log 'a'
does 0 lock 5
does 0 flock
does 012 next 3
does 2 errors # standard error is the log from now on
does 4 complain 'at1'
locked 1 fcntl
locked 1 flock

t pmig_on alpha move refers beta
check "it runs on beta" host_runs beta refers
agreed refers
does 'line 2' line
does 2 log 'b'
does 345 next 3
does 4 complain 'at2'
await "$T/tail" '^at2$'
await "$T/tail" '^b$'
here 'echo c >>log'
does 2 log 'd'
await "$T/tail" '^d$'
check "both sides append to one file" test "$(here 'tr "\n" " " <log')" = "begin a at1 b at2 c d "
locked 1 flock
locked 1 fcntl
does 0 unlock 5
does 0 funlock
locked 0 flock
locked 0 fcntl
does 4 write 2 'WXYZ'
does 0 lock 5
check "what is written is there" test "$(here 'cat data')" = 01WXYZ6789
here 'printf abc | dd of=data conv=notrunc bs=1 seek=0 2>/dev/null'
does 0 unlock 5
does 0 lock 5
does abcXYZ6789 read 0 20
here 'printf 0123456789ABCDEF >data; touch list/two'
does 0 lock 6
does 16 size
does 'one two' names
does good numbers # which closes a twin of the data's: the end of the locks of a process, fcntl(2)
locked 0 fcntl
does 0 lock 5
does 0 lock 6
does 'line 3' line

# --- on to gamma; beta is not needed any more ---
t pmig_on alpha move refers gamma
agreed refers
nothing_on beta
does 'line 4' line
does 2 log 'e'
does 3456 next 4
does 4 complain 'at3'
await "$T/tail" '^e$'
locked 1 fcntl
does 33 print 'more' # over the first bytes of line 5
check "the stream writes there" here 'grep -qx more stream'

# --- home again: the things themselves ---
t pmig_on alpha move refers alpha
agreed refers
check "nothing stays behind any more" test "$(pmig_on alpha references --json refers)" = '[]'
locked 1 fcntl
does 0 unlock 6
does 0 unlock 5
locked 0 fcntl
does 2 log 'f'
does 789A next 4
does 4 complain 'at4'
does 0 lock 5
check "the log has every line once" test "$(here 'grep -v twin log | tr "\n" " "')" = "begin a at1 b at2 c d e at3 f at4 "
exec {orders}>&-
ended_with refers 0
kill $follower

# --- a program that ends there right after its last words ---
INPUT=$T/orders start alpha last "$BIN/tests/refers" "$H/files/log" "$H/files/data" "$H/files/stream" "$H/files/list"
exec {orders}>"$T/orders"
await "$T/last.out" ready
t pmig_on alpha move last beta
for i in $(seq 200); do echo "log last $i"; done >&"$orders"
exec {orders}>&-
ended_with last 0
check "all it wrote is there, in order" test "$(here 'grep -c ^last log; grep ^last log | sort -ck2n && tail -n 1 log')" = "200
last 200"
check "standard error is empty" test ! -s "$T/refers.err"
for host in alpha beta gamma; do nothing_on $host; done
