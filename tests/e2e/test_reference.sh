#!/bin/bash
# shellcheck source=lib.sh
# What stays behind is used from where the program is: a service on alpha's loopback is reached from beta and from gamma through
# home, over lost connections and by another supervisor, and is the thing itself again at alpha.
. "$(dirname "$0")/lib.sh"
hosts_begin
mkfifo "$T/questions"

# A service that tells who heard what, and sends SIZE bytes more.
cat >"$T/service.pl" <<'PERL'
use strict; use IO::Socket::INET; $| = 1; $SIG{CHLD} = 'IGNORE'; $SIG{PIPE} = 'IGNORE';
my ($name, $port, $size) = @ARGV;
my $s = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1) or die "$!";
print "listening\n";
while (my $c = $s->accept) {
	next if fork;
	my $line = <$c>;
	chomp $line;
	print "$line\n";
	print $c "$name heard $line\n" . ("0123456789abcdef" x ($size / 16));
	exit 0;
}
PERL
service() {
	hosts as "$1" perl - "$@" <"$T/service.pl" >"$T/service.$1.log" 2>&1 &
	await "$T/service.$1.log" listening
}
# asked N: the program asks until it has asked N times in all; ends with the lines whole and in order.
exec {questions}<>"$T/questions"
asked() {
	local n=$1 have
	have=$(grep -c ': ' "$T/asks.out" || true)
	while [ "$have" -lt "$n" ]; do
		echo >&"$questions"
		have=$((have + 1))
	done
	await "$T/asks.out" "^$n: " 20
	check "$n answers came from alpha, whole and in order" awk -v size="${SIZE}" '
		/: / { n++; if ($1 != n ":" || index($0, ": alpha heard question " n " (" (size + length("alpha heard question " n) + 1) " bytes") == 0) { print; exit 1 } }' "$T/asks.out"
}

SIZE=1600000
service alpha 7001 $SIZE
INPUT=$T/questions start alpha asks "$BIN/tests/calls" 127.0.0.1:7001
await "$T/asks.out" ready
asked 3
t pmig_on alpha move asks beta
asked 6
pmig_on alpha registry references asks
