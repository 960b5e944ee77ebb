#!/bin/bash
# shellcheck source=lib.sh
# Datagrams that wait to be read go along from host to host; a group that was joined stays joined; a socket that is closed elsewhere is gone from its
# host; and when the agent that keeps it is killed, the program is told so, and home says it in words.
. "$(dirname "$0")/lib.sh"
hosts_begin
address=$(hosts exec alpha hostname -I | tr ' ' '\n' | grep '^10\.77\.' | head -n 1)

# send HOST ANSWERS WORD...: to the server, from one socket; its answers.
send() {
	on "$1" perl -MIO::Socket -e 'my ($to, $answers, @words) = @ARGV; $SIG{ALRM} = sub { die "no answer\n" }; alarm 20; $| = 1;
		my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "$to:8125") or die; $s->send($_) // die "$!\n" for @words; print "sent\n";
		for (1 .. $answers) { $s->recv(my $got, 2000) // die "$!\n"; print "$got\n" }' "$address" "${@:2}"
}
port_at() { hosts exec "$1" grep -c ':1FBD ' /proc/net/udp || true; }
stays() { pmig_on alpha references --json server | jq length; }
serve() { # serve NAME
	rm -f "$T/input"
	mkfifo "$T/input"
	exec {input}<>"$T/input"
	INPUT=$T/input start alpha "$1" "$BIN/tests/datagrams" udp 0.0.0.0 8125
	await "$T/$1.out" ready
}

serve server
# What was not read yet: from the kernel's queue at alpha, to beta, to gamma, and back to alpha, and to beta again.
send gamma 0 nap >"$T/sent"
await "$T/server.out" napping
send gamma 5 'unread 1' 'unread 2' 'unread 3' '' 'unread 5' >"$T/unread" &
asking=$!
await "$T/unread" sent
for host in beta gamma alpha beta; do t pmig_on alpha move server $host; done
echo >&"$input"
wait $asking
check "all five were kept, in order" test "$(sed -n 's/^beta //p' "$T/unread" | tr '\n' ';')" = '1: unread 1;2: unread 2;3: unread 3;4: ;5: unread 5;'
t pmig_on alpha move server alpha
check "nothing stays behind" test "$(stays)" = 0

# A group: whoever sends to it, sends to alpha.
group() {
	on alpha perl -MIO::Socket -MSocket=IPPROTO_IP,IP_MULTICAST_IF -e '$SIG{ALRM} = sub { die "no answer\n" }; alarm 20;
		my $s = IO::Socket::INET->new(Proto => "udp") or die; setsockopt($s, IPPROTO_IP, IP_MULTICAST_IF, inet_aton($ARGV[0])) or die "$!\n";
		$s->send("group", 0, pack_sockaddr_in(8125, inet_aton("239.1.2.3"))) // die "$!\n"; $s->recv(my $got, 100); print "$got\n"' "$address"
}
send alpha 1 "join $address" >"$T/joined"
check "what is sent to the group" grep -qx 'alpha [0-9]*: group' <(group)
t pmig_on alpha move server beta
check "the same from beta" grep -qx 'beta [0-9]*: group' <(group)

# What is sent while the way is cut waits at alpha.
t hosts cut beta
send gamma 2 'over a cut' 'and another' >"$T/cut" &
asking=$!
await "$T/cut" sent
t hosts mend beta
wait $asking
check "both are answered when it is mended" test "$(sed -n 's/^beta [0-9]*: //p' "$T/cut" | tr '\n' ';')" = 'over a cut;and another;'

# Closed at beta, it is closed at alpha, and what was said last has left.
check "its port is taken" test "$(port_at alpha)" = 1
send gamma 1 hello close >"$T/last"
check "what was answered last has arrived" grep -q 'beta [0-9]*: hello' "$T/last"
await "$T/server.out" closed
for ((i = 0; i < 200; i++)); do [ "$(port_at alpha)" != 0 ] || break; done
check "its port is free" test "$(port_at alpha)" = 0
for ((i = 0; i < 200; i++)); do [ "$(stays)" != 0 ] || break; done
check "nothing stays behind" test "$(stays)" = 0
echo >&"$input"
ended_with server 0
for host in beta gamma; do nothing_on $host; done

# The agent that keeps the socket is killed.
serve other
t pmig_on alpha move other beta
check "it answers" grep -q 'beta [0-9]*: hello' <(send gamma 1 hello)
for pid in $(pids_on alpha pmig-agent); do hosts exec alpha kill -KILL "$pid"; done
ended_with other 1
cat "$T/other.err"
check "home says what is lost" grep -q 'udp 0.0.0.0:8125, which other used from beta, is lost: the agent at alpha was ended' "$T/other.err"
check "the program was told" grep -q 'recvfrom: Network is down' "$T/other.err"
