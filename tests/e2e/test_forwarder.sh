#!/bin/bash
# shellcheck source=lib.sh
# A plain server in accept() goes alpha -> beta -> gamma -> alpha while clients, who know nothing of that, come to alpha's address: each is
# told at once where the server is, and the server knows each by its address. beta can be switched off when the server has gone on; back at alpha it
# has its own socket, and nothing stays behind.
. "$(dirname "$0")/lib.sh"
hosts_begin

# ask PORT|PATH [WORD]: what the server says to a client at alpha
ask() {
	on alpha perl -MIO::Socket -e 'my ($where, $word) = @ARGV; $SIG{ALRM} = sub { die "no answer\n" }; alarm 20;
		my $s = $where =~ /^\// ? IO::Socket::UNIX->new(Peer => $where) : IO::Socket::INET->new(PeerAddr => "127.0.0.1:$where") or die "$where: $!\n";
		print $s "$word\n"; my $got = <$s>; print $s->can("sockport") ? $s->sockport : "", " ", $got // "nothing\n";' "$1" "${2:-hello}"
}
# answers HOST: and knows who it is, and under which address it was found
answers() {
	local port rest
	ask 8100 >"$T/answer"
	read -r port rest <"$T/answer"
	check "the client is served from $1" test "$rest" = "$1 127.0.0.1:$port 127.0.0.1:8100: hello"
}
# From another host, by its network address.
from() { on "$1" perl -MIO::Socket -e 'alarm 20; my $s = IO::Socket::INET->new(PeerAddr => "alpha:8100") or die "$!\n"; print $s "hello\n"; print scalar <$s>'; }

# A client that asks for much and reads it when it is let go by a line; the server has long closed its end by then.
slow() {
	rm -f "$T/pipe" "$T/slow"
	mkfifo "$T/pipe"
	on gamma perl -MSocket -e '$| = 1; alarm 60; socket(my $s, PF_INET, SOCK_STREAM, 0); setsockopt $s, SOL_SOCKET, SO_RCVBUF, pack("l", 4096);
		connect $s, sockaddr_in(8100, inet_aton("alpha")) or die "$!\n"; syswrite $s, "much\n"; print "said\n"; my $go = <STDIN>; local $/; my $all = <$s>;
		printf "%d, %s", length $all, substr $all, 700000' <"$T/pipe" >"$T/slow" 2>&1 &
	exec {pipe}>"$T/pipe"
	await "$T/slow" said
}
# read_all HOST: what was written there
read_all() {
	local rest
	echo go >&"$pipe"
	exec {pipe}>&-
	await "$T/slow" ', '
	rest=$(tail -n 1 "$T/slow")
	check "what the server said last on $1, before it went on: $rest" grep -qE "^7000[0-9]+, $1 .* 10.77.0.11:8100: much$" <<<"$rest"
}

start alpha server "$BIN/tests/accepts" block 8100
await "$T/server.out" ready
answers alpha
t pmig_on alpha plan server beta
t pmig_on alpha move server beta
answers beta
answers beta
check "a client from gamma" sh -c "echo '$(from gamma)' | grep -q '^beta '"
pmig_on alpha references --json server >"$T/references"
check "the forwarder is in the registry" jq -e '.[] | select(.kind == "listener") | .from | startswith("alpha tcp 0.0.0.0:8100 ")' "$T/references"
slow
answers beta
t pmig_on alpha move server gamma
answers gamma
read_all beta
hosts power beta
answers gamma
slow
answers gamma
t pmig_on alpha move server alpha
answers alpha
read_all gamma
answers alpha
check "nothing stays behind" test "$(pmig_on alpha references --json server)" = '[]'
check "the end" test "$(ask 8100 end | cut -d' ' -f2)" = alpha
ended_with server 0
