#!/bin/bash
# shellcheck source=lib.sh source=nc.sh
# shellcheck disable=SC2154 # client and feed are nc_begin's
# The port at which a direct way is waited for lets nobody in: not who says nothing, nor something else, nor the right words with a token or an
# epoch of its own, nor who heard the words of the one who was meant and says them again, at this port or a later one. It is closed after ten
# seconds, which this test waits for. Where no port can be had, the bytes go by SSH.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nc.sh"
hosts_begin

nc_begin
mkfifo "$T/none.fifo"
# What the holder says to get in is heard, as by somebody who reads the trusted network: 64 bytes to $T/heard.
hosts exec beta perl -MSocket -e '
	socket(my $s, 17, SOCK_RAW, 0x0300) or die "packets: $!";
	$| = 1; $SIG{ALRM} = sub { exit 3 }; alarm 60; print STDERR "ready\n";
	while (1) {
		recv($s, my $packet, 65536, 0) // next;
		my $at = index($packet, "pmigplan");
		next if $at < 0 || length($packet) < $at + 64;
		print substr($packet, $at, 64);
		exit 0;
	}' >"$T/heard" 2>"$T/listening" &
hears=$!
await "$T/listening" ready
t pmig_on alpha move --plain-tcp links beta
wait "$hears"
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
# replayed [EPOCH]: what was heard, with another epoch in it
replayed() {
	stranger 'do { my $h = pack("H*", "'"$(od -An -v -tx1 "$T/heard" | tr -d ' \n')"'"); substr($h, 16, 8) = pack("Q<", '"${1:-0}"') if '"${1:-0}"'; $h }' 1
}
check "what was heard is a whole hello" test "$(stat -c %s "$T/heard")" = 64
check "it is said again while the port is open" replayed
check "and with the next epoch" replayed 3
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
# A later hand-over's port, at the same host.
t pmig_on alpha move --plain-tcp links beta
port=$(listens)
check "it is open again: $port" test -n "$port"
check "what was heard two hand-overs ago is said at it" replayed
check "and with its epoch" replayed 4
echo later >&"$feed"
await "$T/back" later
exec {feed}>&-
wait "$client"
ended_with links 0
