#!/bin/bash
# shellcheck source=lib.sh
# What leads to programs at beta is lost, for one that listens and has connections, one with datagrams and one whose peer takes part: their SSH
# sessions, beta's network for ten seconds, their supervisors, and at last beta. What becomes of each is what ARCHITECTURE.md's table says.
. "$(dirname "$0")/lib.sh"
hosts_begin 'HIDE=/usr/lib/*/libpmig*'
URL=http://10.77.0.11:7060

start alpha web "$BIN/tests/web" 7060
start alpha server "$BIN/tests/datagrams" udp 0.0.0.0 8125
start alpha converses "$BIN/tests/converses" listen 0.0.0.0:7061
for name in web server converses; do await "$T/$name.out" ready; done
on gamma sh -c 'cat >caller && chmod +x caller' <"$BIN/tests/converses"
on gamma curl -sSN $URL/events >"$T/events" 2>"$T/events.err" &
events=$!
on gamma ./caller call 10.77.0.11:7061 >"$T/caller.out" 2>&1 &
caller=$!
await "$T/caller.out" '^connection 1 '
for name in web server converses; do t pmig_on alpha move $name beta; done

# ask WORD: a datagram, until it is answered; and a new connection
ask() {
	on gamma perl -MIO::Socket -e 'alarm 30; my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "10.77.0.11:8125") or die; $s->send($ARGV[0]); $s->recv(my $got, 300);
		print "$got\n"' "$1"
}
all_go_on() {
	local number heard
	number=$(grep -c data: "$T/events")
	heard=$(grep -c 'so far' "$T/caller.out" || true)
	await "$T/events" "^data: $((number + 50)) beta"
	check "$1: the connection goes on, no event missing or twice" awk '/data:/ && $2 != ++n { exit 1 }' "$T/events"
	check "$1: a new client is answered" test "$(on gamma curl -sS --max-time 30 $URL/host)" = "beta 1"
	check "$1: datagrams" grep -q '^beta [0-9]*: hello$' <(ask hello)
	await "$T/caller.out" "^$((heard + 1))[0-9]{5} bytes so far"
	echo "ok - $1: the peer that takes part"
}
all_go_on "at beta"
for pid in $(hosts exec beta pgrep -f '^sshd(-session)?: mig'); do hosts exec beta kill -KILL "$pid" 2>"$T/none" || true; done
all_go_on "sessions killed"
t hosts cut beta
timeout 20 perl -e 'select undef, undef, undef, 10' || true
t hosts mend beta
all_go_on "ten seconds without a network"

# Supervisors are killed, and there are others.
for name in web server converses; do
	for pid in $(hosts exec alpha pgrep -f "^$BIN/pmig run --name $name "); do hosts exec alpha kill -KILL "$pid"; done
	ended_with $name 137
	rm "$T/$name.status"
	(
		status=0
		on alpha "$BIN/pmig" attach $name >"$T/$name.out" 2>"$T/$name.err" </dev/null || status=$?
		echo "status $status" >"$T/$name.status"
	) &
done
at_beta() { [ "$(pmig_on alpha ps | grep -cE ' beta +running ')" = 3 ]; }
for ((i = 0; i < 100; i++)); do ! at_beta || break; done # a peer that takes part goes on without them
all_go_on "supervisors killed, and others attached"

# beta is gone. Nobody can know whether for good: it is waited for, and `pmig` says where everything is.
t hosts power beta
on gamma curl -sS --max-time 60 $URL/host >"$T/waits" 2>"$T/waits.err" &
waits=$!
hosts exec alpha sh -c 'until ss -Htn state established "sport = :7060" 2>/dev/null | grep -c . | grep -qx 2; do :; done'
pmig_on alpha ps >"$T/ps"
check "three programs run at beta, as far as anybody knows" test "$(grep -cE ' beta +running ' "$T/ps")" = 3
check "what waits at alpha for them" test "$(pmig_on alpha references --json | jq '[.[] | select(.from | startswith("alpha")) | .kind] | unique | join(" ")')" = '"connection datagram listener"'
expect 4 timeout 60 "$PMIG_SOURCE/tests/hosts.sh" as alpha "$BIN/pmig" move web gamma
says '^pmig move: .*beta'
check "who is connected waits" kill -0 $events
check "who came later waits as well" kill -0 $waits
# It comes back without them: that is their end, which clients are told.
t hosts boot beta
for name in web server converses; do ended_with $name 137; done
t wait $events
check "the connection has ended, after each event once" awk '/data:/ && $2 != ++n { exit 1 }' "$T/events"
! wait $waits || fail "somebody answered"
check "who came later is told: $(cat "$T/waits.err")" grep -qE 'Empty reply|reset by peer' "$T/waits.err"
expect 7 on gamma curl -sS $URL/host
check "nobody listens at alpha any more" test -z "$(hosts exec alpha ss -Htunl 'sport = :7060 or sport = :8125 or sport = :7061' 2>/dev/null)"
check "nothing is said to be held" test "$(pmig_on alpha references --json)" = '[]'
check "the peer that takes part still looks for its server" kill -0 $caller
hosts exec gamma kill -KILL "$(pids_on gamma caller)"
