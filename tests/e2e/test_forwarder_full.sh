#!/bin/bash
# shellcheck source=lib.sh
# A server at another host that lets only two wait, and as many clients at its old address as fit into all queues on the way: who came first is
# served first, each once, also when the server moves on while they wait.
. "$(dirname "$0")/lib.sh"
hosts_begin
port=8111 clients=8 # three in the queue there, two at the relay, three in that of the kernel here

# client NUMBER: says its number, and writes what it hears: who serves it, and after how many
client() {
	on alpha perl -MIO::Socket -e '$| = 1; my ($port, $number) = @ARGV; alarm 50;
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "$port: $!\n"; print "connected\n"; print $s "turn $number\n";
		my $got = <$s> // "nothing\n"; print "said $got"; my $more = <$s>; print defined $more ? "more\n" : "over\n"' \
		$port "$1" >"$T/client.$1" 2>&1 &
	await "$T/client.$1" 'connected'
}
order() { sed -n 's/^said .*: turn \([0-9]*\) after \([0-9]*\)$/\2 \1/p' "$T"/client.* | sort -g | sed 's/.* //' | tr '\n' ' '; }
crowd() {
	local i
	mkfifo "$T/pipe.$1"
	on alpha perl -MIO::Socket -e '$| = 1; my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:'$port'") or die "$!\n";
		print $s "hold\n"; print "holds\n"; my $go = <STDIN>; print $s "free\n"; print scalar <$s>' <"$T/pipe.$1" >"$T/holder.$1" 2>&1 &
	exec {pipe}>"$T/pipe.$1"
	await "$T/holder.$1" holds
	for ((i = 1; i <= clients; i++)); do client $((100 * $1 + i)); done
}
let_go() {
	local i
	echo go >&"$pipe"
	exec {pipe}>&-
	for ((i = 1; i <= clients; i++)); do await "$T/client.$((100 * $1 + i))" '^over'; done
	check "all of crowd $1 at $2, in their order" test "$(order)" = "$(seq -s ' ' $((100 * $1 + 1)) $((100 * $1 + clients))) "
	check "all by $2" test "$(cat "$T"/client.* | grep -c "^said $2 ")" = $clients
	rm "$T"/client.*
}

start alpha full "$BIN/tests/accepts" block $port 2
await "$T/full.out" ready
t pmig_on alpha move full beta
crowd 1
let_go 1 beta
crowd 2 # the queue at beta is full when the server goes on
t pmig_on alpha move full gamma
let_go 2 gamma
check "each once" test "$(on alpha perl -MIO::Socket -e 'my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:'$port'") or die; print $s "number\n"; print scalar <$s>' | sed 's/.*: //')" = \
	$((2 * clients + 2))
