#!/bin/bash
# shellcheck source=lib.sh
# A server of datagrams that declares nothing, alpha -> beta -> gamma -> alpha: whoever sends to alpha's address is answered from there, not one datagram
# is lost, each comes whole and from whom it came, while it runs elsewhere and while it moves.
. "$(dirname "$0")/lib.sh"
hosts_begin
address=$(hosts exec alpha hostname -I | tr ' ' '\n' | grep '^10\.77\.' | head -n 1)

# ask HOST WORD [MORE...]: what the server answers to WORD, sent from HOST, and where that came from; further words are sent at once, and the
# answers to all but the last that are due come in order.
ask() {
	on "$1" perl -MIO::Socket -e 'my ($to, $expected, @words) = @ARGV; $SIG{ALRM} = sub { die "no answer\n" }; alarm 10;
		my $s = IO::Socket::INET->new(Proto => "udp") or die "$!\n"; my $a = pack_sockaddr_in(8125, inet_aton($to));
		$s->send($_, 0, $a) // die "$!\n" for @words;
		for (1 .. $expected) { my $from = $s->recv(my $got, 2000) // die "$!\n"; my ($port, $ip) = unpack_sockaddr_in($from);
			print "$got\n"; die "from elsewhere\n" if inet_ntoa($ip) ne $to || $port != 8125 }' "$address" "${@:2}"
}
# answers HOST CLIENT TTL: from it, in every way
answers() {
	local host=$1 client=$2
	check "an answer of $host to $client" grep -qx "$host [0-9]*: hello" <(ask "$client" 1 hello)
	check "a datagram of none" grep -qx "$host [0-9]*: " <(ask "$client" 1 '')
	check "one of 2000 bytes" test "$(ask "$client" 1 "$(printf 'x%.0s' {1..500})" | wc -c)" -gt 500
	check "it is looked at first" grep -qx "$host [0-9]*: peeked 9 some text" <(ask "$client" 1 peek 'some text')
	check "its end is cut off" grep -qx "$host [0-9]*: short long" <(ask "$client" 1 short 'longer than four')
	ask "$client" 3 'many 3' one two three >"$T/many"
	check "an option is set where the socket is" grep -qx "$host [0-9]*: ttl $3" <(ask "$client" 1 "ttl $3")
	check "nobody at a port is an error" grep -qx "$host [0-9]*: nobody" <(ask "$client" 1 nobody)
	check "several at once" test "$(sed 's/.*: //' "$T/many" | tr '\n' ' ')" = 'one two three '
}

start alpha server "$BIN/tests/datagrams" udp 0.0.0.0 8125
await "$T/server.out" ready
answers alpha gamma 40
pmig_on alpha plan --json server beta >"$T/plan"
check "the plan leaves it where it is" jq -e '.resources[] | select(.kind == "datagram") | .strategy == "reference"' "$T/plan"

ttl=40
for host in beta gamma; do
	t pmig_on alpha move server $host
	agreed server
	ttl=$((ttl + 1))
	answers $host beta $ttl
done
check "one thing stays behind" test "$(pmig_on alpha references --json server | jq length)" = 1
check "the port is alpha's" test -n "$(hosts exec alpha grep ':1FBD ' /proc/net/udp)"
check "and nobody else's" test -z "$(hosts exec beta grep ':1FBD ' /proc/net/udp || true)"
t pmig_on alpha move server alpha
answers alpha beta 43
check "nothing stays behind" test "$(pmig_on alpha references --json server | jq length)" = 0

# A client with one socket: each number is answered from the old address, once, whatever moves meanwhile, until it has come back.
on gamma perl -MIO::Socket -MTime::HiRes=time -e '$| = 1; my ($to, $last) = (@ARGV, "");
	my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "$to:8125") or die; my ($n, $longest, $hops, $left) = (0, 0, 0, 200);
	while ($left > 0) { $n++; my $t = time; $s->send("number $n"); $SIG{ALRM} = sub { print "LOST $n\n"; exit 1 }; alarm 20;
		$s->recv(my $got, 300); $t = time - $t; $longest = $t if $t > $longest; $got =~ /^(\w+) \d+: number $n$/ or print "WRONG $n $got\n";
		print "hop ", $hops++, " $1\n" if $1 ne $last; $last = $1; $left-- if $hops == 5 }
	printf "all of %d answered, the longest wait %.3f s\n", $n, $longest' "$address" >"$T/client.out" 2>&1 &
hop=0
for host in alpha beta gamma beta alpha; do
	if [ $hop -gt 0 ]; then t pmig_on alpha move server $host; fi
	await "$T/client.out" "^hop $hop $host"
	hop=$((hop + 1))
done
await "$T/client.out" '^all of'
check "no datagram was lost or wrong" test -z "$(grep -E 'LOST|WRONG' "$T/client.out" || true)"
tail -n 1 "$T/client.out"
check "the end" grep -q 'alpha [0-9]*: end' <(ask beta 1 end)
ended_with server 0
check "nothing stays behind" test "$(pmig_on alpha references --json server | jq length)" = 0
for host in beta gamma; do nothing_on $host; done

# A unix socket: its name is alpha's, and so are the names of those who send to it.
ask_unix() {
	on alpha perl -MIO::Socket::UNIX -MSocket -e '$SIG{ALRM} = sub { die "no answer\n" }; alarm 10; unlink "/tmp/client.socket";
		my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "/tmp/client.socket", Peer => "/tmp/datagrams.socket") or die "$!\n";
		my ($expected, @words) = @ARGV; $s->send($_) // die "$!\n" for @words;
		for (1 .. $expected) { my $from = $s->recv(my $got, 1000) // die "$!\n"; print "$got\n"; die if unpack_sockaddr_un($from) ne "/tmp/datagrams.socket" }' "$@"
}
start alpha local "$BIN/tests/datagrams" unix /tmp/datagrams.socket
await "$T/local.out" ready
for host in beta gamma alpha; do
	t pmig_on alpha move local $host
	check "an answer of $host to a name" grep -qx "$host [0-9]*: hello" <(ask_unix 1 hello)
	check "it is looked at first" grep -qx "$host [0-9]*: peeked 9 some text" <(ask_unix 1 peek 'some text')
	ask_unix 3 'many 3' one two three >"$T/many"
	check "several at once" test "$(sed 's/.*: //' "$T/many" | tr '\n' ' ')" = 'one two three '
done
check "the end" grep -q 'alpha [0-9]*: end' <(ask_unix 1 end)
ended_with local 0
