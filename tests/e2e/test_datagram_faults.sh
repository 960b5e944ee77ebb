#!/bin/bash
# shellcheck source=lib.sh
# A hand-over of a server of datagrams goes wrong at one point after another, there and at the next host, while a client asks without pause: wherever
# the server goes on, each datagram is answered once, from the old address, and it can be moved on.
. "$(dirname "$0")/lib.sh"
hosts_begin
address=$(hosts exec alpha hostname -I | tr ' ' '\n' | grep '^10\.77\.' | head -n 1)

# ask: without pause, until the file "enough" is there
ask() {
	on gamma perl -MIO::Socket -MTime::HiRes=time -e '$| = 1; my ($n, $longest, $last) = (0, 0, "");
		my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "$ARGV[0]:8125") or die;
		until (-e "enough") { $n++; my $t = time; $s->send("number $n"); $SIG{ALRM} = sub { print "LOST $n\n"; exit 1 }; alarm 20;
			$s->recv(my $got, 300); $t = time - $t; $longest = $t if $t > $longest; $got =~ /^(\w+) \d+: number $n$/ or print "WRONG $n $got\n";
			print "now $1, $n\n" if $1 ne $last; $last = $1 }
		printf "all of %d answered, the longest wait %.3f s\n", $n, $longest' "$address" >"$T/client.out" 2>&1 &
	asking=$!
}
taken_up() {
	(
		status=0
		pmig_on alpha recover server >>"$T/server.out" 2>>"$T/server.err" </dev/null || status=$?
		echo "status $status" >"$T/server.status"
	) &
}
for fault in restore=fail commit:done=kill-supervisor activate:done=cut:target release:done=cut:source; do
	rm -f "$T"/server.* "$T/client.out"
	on gamma rm -f enough
	RUN_ENV=("PMIG_FAULT=$fault")
	start alpha server "$BIN/tests/datagrams" udp 0.0.0.0 8125
	await "$T/server.out" ready
	ask
	await "$T/client.out" '^now alpha'
	pmig_on alpha move server beta >"$T/move" 2>&1 || true
	[[ $fault != *kill-supervisor ]] || { ended_with server 137 && rm "$T/server.status" && taken_up && await "$T/client.out" '^now beta'; }
	pmig_on alpha move server beta >"$T/move" 2>&1 || true
	await "$T/client.out" '^now beta'
	t pmig_on alpha move server gamma
	await "$T/client.out" '^now gamma'
	on gamma touch enough
	wait $asking
	check "$fault: $(tail -n 1 "$T/client.out")" test -z "$(grep -E 'LOST|WRONG' "$T/client.out" || true)"
	on gamma perl -MIO::Socket -e 'IO::Socket::INET->new(Proto => "udp", PeerAddr => "$ARGV[0]:8125")->send("end")' "$address"
	ended_with server 0
done
for host in alpha beta gamma; do nothing_on $host; done
