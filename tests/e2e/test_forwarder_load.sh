#!/bin/bash
# shellcheck source=lib.sh
# Clients that come as fast as they are served, four at a time and from two hosts, while the server goes from host to host: each is answered, once
# and as itself, and the longest wait is told.
. "$(dirname "$0")/lib.sh"
hosts_begin

start alpha server "$BIN/tests/accepts" epoll 8110 64
await "$T/server.out" ready
# One line at the end, when there is something to read: how many, how long the slowest took, and which hosts answered.
comers() {
	on "$1" perl -MIO::Socket -MTime::HiRes=time -e '$| = 1; my ($own) = @ARGV; my ($n, $longest, $changes, $host) = (0, 0, 0, "");
		$SIG{ALRM} = sub { die "no answer for 20 s after $n\n" };
		for (;;) {
			vec(my $bits = "", 0, 1) = 1;
			last if select($bits, undef, undef, 0) > 0;
			my $begun = time; alarm 20;
			my $s = IO::Socket::INET->new(PeerAddr => "alpha:8110") or die "after $n: $!\n";
			my $port = $s->sockport; print $s "$own.$n\n"; my $got = <$s> // "nothing at all";
			$got =~ /^(\S+) [\d.]+:$port [\d.]+:8110: $own\.$n$/ or die "after $n: $got\n";
			my $took = time - $begun; $longest = $took if $took > $longest;
			$n++; printf "%d %s\n", ++$changes, $host = $1 if $host ne $1;
		}
		printf "%d answered, the slowest in %.0f ms\n", $n, $longest * 1000' "$2"
}
declare -a input
for i in 0 1 2 3; do
	host=$([ $((i % 2)) = 0 ] && echo gamma || echo alpha)
	mkfifo "$T/in.$i"
	comers "$host" "$i" <"$T/in.$i" >"$T/clients.$i" 2>&1 &
	exec {pipe}>"$T/in.$i"
	input[i]=$pipe
	await "$T/clients.$i" '1 alpha'
done
turn=1
for there in beta gamma alpha beta alpha; do
	t pmig_on alpha move server $there
	turn=$((turn + 1))
	for i in 0 1 2 3; do await "$T/clients.$i" "^$turn $there"; done
done
for i in 0 1 2 3; do
	pipe=${input[i]}
	echo >&"$pipe"
	await "$T/clients.$i" answered
	check "client $i, $(tail -n 1 "$T/clients.$i"): less than two seconds" awk '/answered/ { exit !($6 < 2000) }' "$T/clients.$i"
done
check "nothing stays behind" test "$(pmig_on alpha references --json server)" = '[]'
t pmig_on alpha kill server
