#!/bin/bash
# shellcheck source=lib.sh
# The port at which a direct way is waited for lets nobody in: not who says nothing, nor something else, nor the right words with a token or an
# epoch of its own. It is closed after ten seconds, which this test waits for. Where no port can be had, the bytes go by SSH.
. "$(dirname "$0")/lib.sh"
hosts_begin

start alpha links "$BIN/tests/links" accept 7000 1
await "$T/links.out" ready
mkfifo "$T/in"
on gamma nc -N alpha 7000 <"$T/in" >"$T/back" &
client=$!
exec {feed}>"$T/in"
await "$T/links.out" all
t pmig_on alpha move --plain-tcp links beta
listens() { hosts exec beta ss -Hltn | grep -oE '10\.77\.0\.12:[0-9]+' | cut -d: -f2; }
port=$(listens)
check "the agent listens at the address by which it was reached, and no other: $port" test -n "$port"
# stranger PERL: says that, and is reset or finds the end, and no byte
stranger() {
	on gamma perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(PeerAddr => "beta", PeerPort => $ARGV[0], Timeout => 5) or die "refused";
		$SIG{ALRM} = sub { exit 3 }; alarm 8; $SIG{PIPE} = "IGNORE";
		syswrite($s, '"$1"') if '"$2"';
		my $n = sysread($s, my $byte, 1);
		exit(defined $n && $n > 0 ? 4 : 0);' "$port"
}
check "64 bytes of something else" stranger '"GET / HTTP/1.1\r\n" x 4' 1
check "a token of its own" stranger 'pack("a8VVQ<Q<a32", "pmigplan", 1, 0, 2, 1, "x" x 32)' 1
check "another version" stranger 'pack("a8VVQ<Q<a32", "pmigplan", 9, 0, 2, 1, "x" x 32)' 1
check "one that says nothing" stranger '""' 0
check "those who come late wait for a place: forty at once that say nothing, and one behind them is reset" on gamma perl -MIO::Socket::INET -e '
	my @all = map { IO::Socket::INET->new(PeerAddr => "beta", PeerPort => $ARGV[0], Timeout => 5) or die "refused" } 1 .. 40;
	$SIG{ALRM} = sub { exit 3 }; alarm 12;
	my $n = sysread($all[-1], my $byte, 1);
	exit(defined $n && $n > 0 ? 4 : 0);' "$port"
echo still >&"$feed"
await "$T/back" still
gone() {
	local i
	for ((i = 0; i < 600; i++)); do
		[ -n "$(listens)" ] || return 0
		read -r -t 0.03 <>"$T/none.fifo" || true
	done
	return 1
}
mkfifo "$T/none.fifo"
check "the port is closed" gone
# No port: all of them are taken by somebody else's range.
range=$(hosts exec gamma cat /proc/sys/net/ipv4/ip_local_port_range)
hosts exec gamma sh -c 'echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range'
at_end "hosts exec gamma sh -c 'echo $range >/proc/sys/net/ipv4/ip_local_port_range' || true"
mkfifo "$T/hold"
on gamma perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalAddr => "10.77.0.13", LocalPort => 40000, Listen => 1) or die;
	$| = 1; print "taken\n"; my $end = <STDIN>;' <"$T/hold" >"$T/taken" 2>&1 &
taken=$!
exec {hold}>"$T/hold"
await "$T/taken" taken
t pmig_on alpha move --plain-tcp links gamma
exec {hold}>&-
wait $taken
check "at gamma its bytes come by SSH" test "$(hosts exec gamma ss -Htnp state established | grep -c '"links"')" = 0
echo more >&"$feed"
await "$T/back" more
exec {feed}>&-
wait $client
ended_with links 0
