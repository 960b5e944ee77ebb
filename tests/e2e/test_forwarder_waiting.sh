#!/bin/bash
# shellcheck source=lib.sh
# Clients that wait to be accepted while the server moves: in the kernel's queue, at the relay, and in the server's own queue at another host. None is
# lost, none is answered twice, each is known by its own address; back home the server gets its own socket as soon as the last of them has been
# accepted. For servers that block, poll, use epoll with edges, or are never blocked, on TCP and on a unix socket.
. "$(dirname "$0")/lib.sh"
hosts_begin

servers=(block poll epoll busy unix)
declare -A at=([block]=8101 [poll]=8102 [epoll]=8103 [busy]=8104 [unix]=/tmp/accepts.socket)

# client WAY NUMBER [PORT|PATH]: connects to that server at alpha, says its number, and writes what it hears and its own port
client() {
	on alpha perl -MIO::Socket -e '$| = 1; my ($where, $number) = @ARGV; alarm 60;
		my $s = $where =~ /^\// ? IO::Socket::UNIX->new(Peer => $where) : IO::Socket::INET->new(PeerAddr => "127.0.0.1:$where") or die "$where: $!\n";
		print "connected\n"; print $s "$number\n"; my $got = <$s> // "nothing\n"; my $port = $where =~ /^\// ? "" : $s->sockport;
		print "said $got"; print "known\n" if $port eq "" ? $got =~ /^\S+ unix unix:\/tmp\/accepts.socket: / : $got =~ / 127.0.0.1:$port 127.0.0.1:$where: /;
		my $more = <$s>; print defined $more ? "more: $more" : "over\n"' "${at[$1]}" "$2" >"$T/$1.$2" 2>&1 &
	await "$T/$1.$2" 'connected'
}
# A client that keeps the server busy until it is let go by a line into the pipe.
holder() {
	rm -f "$T/$1.pipe"
	mkfifo "$T/$1.pipe"
	on alpha perl -MIO::Socket -e '$| = 1; my ($where) = @ARGV; alarm 60;
		my $s = $where =~ /^\// ? IO::Socket::UNIX->new(Peer => $where) : IO::Socket::INET->new(PeerAddr => "127.0.0.1:$where") or die "$where: $!\n";
		print $s "hold\n"; print "holds\n"; my $go = <STDIN>; print $s "free\n"; print scalar <$s>' "${at[$1]}" <"$T/$1.pipe" >"$T/$1.holder" 2>&1 &
	local pipe
	exec {pipe}>"$T/$1.pipe"
	hold[$2]=$pipe
	await "$T/$1.holder" holds
}
declare -a hold
# let_go WAY INDEX HOST: the holder, and then all that have waited
let_go() {
	local pipe=${hold[$2]}
	echo go >&"$pipe"
	exec {pipe}>&-
	await "$T/$1.holder" "^$3 .*: free"
}
# answered WAY NUMBER HOST
answered() {
	await "$T/$1.$2" '^over'
	check "client $2 of $1: from $3, once, and known" sh -c "grep -q '^said $3 .*: $2\$' '$T/$1.$2' && grep -qx known '$T/$1.$2' && ! grep -q more '$T/$1.$2'"
}

each() { local way index=0; for way in "${servers[@]}"; do "$@" "$way" $index; index=$((index + 1)); done; }
begin() {
	local how=$1
	[ "$how" != unix ] || how=epoll
	start alpha "$1" "$BIN/tests/accepts" "$how" "${at[$1]}" 8
	await "$T/$1.out" ready
}
clients() { local i; for i in $numbers; do client "$1" "$i"; done; }
heard() { local i; for i in $numbers; do answered "$1" "$i" "$there"; done; }
away() { t pmig_on alpha move "$1" "$there"; }
free() { let_go "$1" "$2" "$there"; }

each begin
each holder
numbers='1 2 3'
each clients # in the kernel's queues at alpha
there=beta
each away
numbers='4 5 6'
each clients # by way of the relay into the queues at beta
there=gamma
each away
each free
numbers='1 2 3 4 5 6'
each heard
each holder
numbers='7 8 9'
each clients
there=alpha
each away
numbers='10 11'
each clients # where the server has both: a queue that is emptied first, and its own socket
each free
numbers='7 8 9 10 11'
each heard
own() { check "$1: nothing stays behind" test "$(pmig_on alpha references --json "$1")" = '[]'; }
each own
number() { check "$1 has served each of them once" test "$(on alpha perl -MIO::Socket -e '
	my ($w) = @ARGV; alarm 20; my $s = $w =~ /^\// ? IO::Socket::UNIX->new(Peer => $w) : IO::Socket::INET->new(PeerAddr => "127.0.0.1:$w") or die; print $s "number\n"; print scalar <$s>' \
	"${at[$1]}")" = 13; }
each number
stop() {
	on alpha perl -MIO::Socket -e 'my ($w) = @ARGV; my $s = $w =~ /^\// ? IO::Socket::UNIX->new(Peer => $w) : IO::Socket::INET->new(PeerAddr => "127.0.0.1:$w") or die; print $s "end\n"; print scalar <$s>' "${at[$1]}"
	ended_with "$1" 0
}
each stop
