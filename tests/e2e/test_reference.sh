#!/bin/bash
# shellcheck source=lib.sh source=feeds.sh
# What stays behind is used from where the program is: a service on alpha's loopback is reached from beta and from gamma through
# home, over lost connections and by another supervisor, and is the thing itself again at alpha.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/feeds.sh"
hosts_begin
mkfifo "$T/questions"

# A service that tells who heard what, and sends SIZE bytes more.
cat >"$T/service.pl" <<'PERL'
use strict; use IO::Socket::INET; $| = 1; $SIG{CHLD} = 'IGNORE'; $SIG{PIPE} = 'IGNORE';
my ($name, $port, $size) = @ARGV;
my $s = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1) or die "$!";
srand(1);
my $body = pack "C*", map { int rand 256 } 1 .. $size; # no packing makes it small
open my $copy, ">:raw", "body"; print $copy $body; close $copy;
print "listening\n";
while (my $c = $s->accept) {
	next if fork;
	my $line = <$c>;
	chomp $line;
	print "$line\n";
	print $c "$name heard $line\n$body";
	exit 0;
}
PERL
service() {
	hosts as "$1" perl - "$@" <"$T/service.pl" >"$T/service.$1.log" 2>&1 &
	await "$T/service.$1.log" listening
}
# asked N: the program asks until it has asked N times in all; ends with the lines whole and in order.
exec {questions}<>"$T/questions"
SENT=0
ask() {
	while [ "$SENT" -lt "$1" ]; do
		echo >&"$questions"
		SENT=$((SENT + 1))
	done
}
asked() {
	local n=$1
	ask "$n"
	await "$T/asks.out" "^$n: " 20
	check "$n answers came from alpha, whole and in order" awk -v size="${SIZE}" '
		/: / { n++; if ($1 != n ":" || index($0, ": alpha heard question " n " (" (size + length("alpha heard question " n) + 1) " bytes") == 0) { print; exit 1 } }' "$T/asks.out"
}

# replaced NAME: its supervisor is killed, and another one takes over; its end in .status as before.
replaced() {
	local pid name=$1
	rm -f "$T/$name.status"
	for pid in $(hosts exec alpha pgrep -f "^$BIN/pmig (run|attach) .*$name"); do hosts exec alpha kill -KILL "$pid"; done
	ended_with "$name" 137
	rm -f "$T/$name.status"
	(
		status=0
		pmig_on alpha attach "$name" <"${INPUT:-/dev/null}" >>"$T/$name.out" 2>"$T/$name.err" || status=$?
		echo "status $status" >"$T/$name.status"
	) &
}

# sever HOST: home's connection to its agent is lost, and comes back.
sever() {
	local pid
	for pid in $(hosts exec "$1" pgrep -f '^sshd(-session)?: mig'); do hosts exec "$1" kill -KILL "$pid" 2>"$T/none" || true; done
}

SIZE=1600000
service alpha 7001 $SIZE
INPUT=$T/questions start alpha asks "$BIN/tests/calls" 127.0.0.1:7001
await "$T/asks.out" ready
asked 3
t pmig_on alpha move asks beta
asked 6

# --- on to gamma: home leads there, and beta is not needed any more ---
service gamma 7001 16 # another one has that address there: the program is told a free one
t pmig_on alpha move asks gamma
asked 9
nothing_on beta
port=$(hosts exec gamma ss -Hltn | sed -n 's/.* 127.0.0.1:\([0-9]*\) .*/\1/p' | grep -v 7001)
# try USER: what a user of gamma hears there
try() { hosts exec gamma setpriv --reuid="$1" --clear-groups bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; echo hello >&3; head -n 1 <&3" 2>"$T/none" || true; }
check "the address at gamma leads to alpha, for the program's user" test "$(try 4242)" = "alpha heard hello"
# Eight at once over a slow link: more than may wait at home for it.
hosts rate gamma 200mbit
on gamma bash -c 'for i in 1 2 3 4 5 6 7 8; do
	(exec 3<>/dev/tcp/127.0.0.1/'"$port"' && echo "$i" >&3 && md5sum <&3 >"sum.$i") &
done; wait; cat sum.*' >"$T/sums"
hosts rate gamma off
on alpha bash -c 'for i in 1 2 3 4 5 6 7 8; do { echo "alpha heard $i" && cat body; } | md5sum; done' >"$T/sums.want"
same "$T/sums" "$T/sums.want"
check "and for nobody else" test -z "$(try 65534)"
check "what stays is told" test "$(pmig_on alpha references --json asks | jq -r '.[] | "\(.kind) \(.to) \(.hops)"')" = "address gamma 2"
pmig_on alpha references asks

# --- the way is lost while bytes run: none is missing, none comes twice ---
ask 16
await "$T/service.alpha.log" 'question 10'
sever gamma
asked 16

# --- home's supervisor is killed, another one takes over ---
ask 17
await "$T/service.alpha.log" 'question 17'
INPUT=$T/questions replaced asks
asked 20

# --- home again: the service itself ---
t pmig_on alpha move asks alpha
asked 23
check "nothing stays behind any more" test "$(pmig_on alpha references --json asks)" = '[]'
nothing_on gamma
t pmig_on alpha kill asks
ended_with asks 143
nothing_on alpha

# --- bytes of a stream: all of them, in order, once, wherever the program is when they come ---
feed alpha
start alpha relays "$BIN/tests/relays" in out
# passed BYTES: the program gets so far, from where it is.
passed() {
	local step
	step=$(sed -n 's/^at \([0-9]*\):.*/\1/p' "$T/relays.out" 2>"$T/none" | tail -n 1 || true)
	await "$T/relays.out" "^(at $((${step:-0} + 1)):|end)" 20
}
passed
t pmig_on alpha move relays beta
passed
sever beta
passed
t pmig_on alpha move relays gamma
passed
replaced relays
passed
t pmig_on alpha move relays beta
passed
t pmig_on alpha move relays alpha
passed
fed alpha
ended_with relays 0
came alpha
nothing_on beta
nothing_on gamma
nothing_on alpha

# --- what was opened at beta stays there when the program goes on; where beta is not reached, the program stays where it is ---
feed beta
(
	status=0
	pmig_on alpha run --name far --on beta -- "$BIN/tests/relays" in out </dev/null >"$T/far.out" 2>"$T/far.err" || status=$?
	echo "status $status" >"$T/far.status"
) &
await "$T/far.out" '^at'
t pmig_on alpha move far gamma
check "beta holds it" test "$(pmig_on alpha references --json far | jq -r '.[].from' | grep -c '^beta /home/mig/')" = 2
sever beta
hosts cut beta
status=0 # home may have reached beta once more between the two, and see only at the freeze that it is gone
pmig_on alpha move far alpha 2>"$T/stderr" || status=$?
check "it is refused (4), or given up at the freeze (5): $status" test "$status" -eq 4 -o "$status" -eq 5
says 'held at beta, which is not reached'
hosts mend beta
fed beta
ended_with far 0
came beta
for host in alpha beta gamma; do nothing_on $host; done
