#!/bin/bash
# shellcheck source=lib.sh
# A plain server that declares nothing and waits in poll() for its clients, alpha -> beta -> gamma -> alpha: TCP, a unix socket and datagrams, by
# type as a policy says: at each host at the same port, or the next free one, and under the same name. Who is connected stays connected.
. "$(dirname "$0")/lib.sh"
hosts_begin
on alpha sh -c 'printf "[%s \"*\"]\nbinding = type\nattachment = fixed\n" listener datagram >~/type'
t pmig_on alpha registry policy add "$(on alpha sh -c 'echo ~/type')"

# ask HOST PROTOCOL PORT|PATH WORD: what the server there answers
ask() {
	on "$1" perl -MIO::Socket -e 'my ($kind, $where, $word) = @ARGV; $SIG{ALRM} = sub { die "no answer\n" }; alarm 10;
		my $s = $kind eq "unix" ? IO::Socket::UNIX->new(Peer => $where) :
			IO::Socket::INET->new(Proto => $kind, PeerAddr => "127.0.0.1:$where") or die "$kind $where: $!\n";
		$s->send($word); my $got; $s->recv($got, 300); print "$got\n";' "$2" "$3" "$4"
}
# answers HOST PORT: by all three ways
answers() {
	local host=$1 port=$2
	check "tcp port $port at $host" test "$(ask "$host" tcp "$port" hello)" = "$host: hello"
	check "udp port $port at $host" test "$(ask "$host" udp "$port" hi)" = "$host: hi"
	check "unix socket at $host" test "$(ask "$host" unix /tmp/serves.socket hey)" = "$host: hey"
	await "$T/server.out" "^udp 0 $port"
}
start alpha server "$BIN/tests/serves" 8123 /tmp/serves.socket
await "$T/server.out" ready
answers alpha 8123
# Another program has the name of its socket at beta, a file lies there, or one that is another user's: it would stay. A socket's name
# that was left behind is in nobody's way.
on beta perl -MIO::Socket -e '$| = 1; my $s = IO::Socket::UNIX->new(Listen => 1, Local => "/tmp/serves.socket") or die; print "there\n";
	my $c = $s->accept; print "somebody came\n"; my $got; $c->recv($got, 300); $c->send("gone")' >"$T/owner.out" &
owner=$!
await "$T/owner.out" there
stays_there() {
	pmig_on alpha plan --json server beta >"$T/plan"
	check "its place at beta is taken: it would stay at alpha" jq -e '.resources[] | select(.name | endswith("/tmp/serves.socket")) |
		.strategy == "reference" and (.alternatives[].reason | contains("unix /tmp/serves.socket cannot be had at beta: it is in use there"))' "$T/plan"
}
stays_there
check "its owner has heard nothing of it" test "$(cat "$T/owner.out")" = there
check "its owner ends, and leaves the name behind" test "$(ask beta unix /tmp/serves.socket bye)" = gone
wait $owner
t on beta sh -c 'mv /tmp/serves.socket /tmp/left && touch /tmp/serves.socket'
stays_there
t on beta sh -c 'mv /tmp/left /tmp/serves.socket'
t hosts exec beta chown root /tmp/serves.socket
stays_there
t hosts exec beta chown "$(on beta id -u)" /tmp/serves.socket

pmig_on alpha plan server beta >"$T/plan"
check "the plan says where it will listen" grep -q 'tcp 0.0.0.0:8123' "$T/plan"
t pmig_on alpha move server beta
answers beta 8123
check "its socket is gone from alpha" test -z "$(hosts exec alpha sh -c 'ls /tmp/serves.socket 2>/dev/null; true')"
check "nobody listens at alpha" test -z "$(hosts exec alpha sh -c 'cat /proc/net/tcp' | grep ':1FBB 00000000:0000 0A' || true)"

# Another server has the port at gamma: the next one.
hosts exec gamma perl -MIO::Socket -e '$| = 1; my $s = IO::Socket::INET->new(Listen => 1, LocalPort => 8123) or die; print "there\n"; $s->accept;' \
	>"$T/other.out" &
other=$!
await "$T/other.out" there
t pmig_on alpha move server gamma
check "tcp port 8124 at gamma" test "$(ask gamma tcp 8124 hello)" = "gamma: hello"
kill $other 2>/dev/null || true

# Who is connected stays so, where the socket has moved on.
hosts exec gamma perl -MIO::Socket -e '$| = 1; alarm 30; my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:8124") or die; $s->send("keep"); my $got;
	$s->recv($got, 300); print "$got\n"; $s->recv($got, 300); print length $got, " more\n"' >"$T/client.out" &
client=$!
await "$T/client.out" 'gamma: keep'
t pmig_on alpha move server alpha
check "tcp at alpha" test "$(ask alpha tcp 8124 hello)" = "alpha: hello"
t wait $client
check "the client has been let go in the ordinary way" test "$(tail -n 1 "$T/client.out")" = '0 more'
check "the end" test "$(ask alpha tcp 8124 end)" = "alpha: end"
ended_with server 0
