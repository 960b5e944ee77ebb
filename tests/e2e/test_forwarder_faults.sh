#!/bin/bash
# shellcheck source=lib.sh
# What becomes of a socket that stayed at alpha, and of its clients, when something of the way is gone: the link for a while, the supervisor, the
# relay itself, the host where the server is; and who does not get in.
. "$(dirname "$0")/lib.sh"
hosts_begin

# client NUMBER [WORD]: connects to the server at alpha and says so
client() {
	on gamma perl -MIO::Socket -e '$| = 1; alarm 60; my $s = IO::Socket::INET->new(PeerAddr => "alpha:8120") or die "no: $!\n";
		print "connected\n"; print $s "$ARGV[0]\n"; print <$s> // "nothing\n"' "${2:-$1}" >"$T/client.$1" 2>&1 &
	await "$T/client.$1" .
}
answered() {
	await "$T/client.$1" "^$2 .*: $1\$"
	echo "ok - client $1 is answered from $2"
}
relay() { hosts exec alpha pgrep -f "pmig-agent serve"; }

start alpha server "$BIN/tests/accepts" block 8120 8
await "$T/server.out" ready
t pmig_on alpha move server beta
client 1
answered 1 beta

# --- who does not get in: others have no way to the door, and whoever is not brought by the agent is no client ---
door=$(on beta sh -c 'ls ~/.local/state/pmig/*/run/*.door')
check "there is a door" test -n "$door"
check "it lies where nobody else comes" test "$(on beta stat -c %a "$(dirname "$door")")" = 700
knock() { hosts "$@" perl -MIO::Socket -e 'alarm 10; $SIG{PIPE} = "IGNORE"; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!\n"; print $s "knock\n"; print <$s> // "sent away\n"' "$door"; }
check "another user" test "$(hosts exec beta setpriv --reuid=nobody --clear-groups perl -MIO::Socket -e 'IO::Socket::UNIX->new(Peer => $ARGV[0]) or print "$!\n"' "$door")" = 'Permission denied'
check "root, who goes everywhere" test "$(knock exec beta)" = 'sent away'
check "the user himself, without a name" test "$(knock as beta)" = 'sent away'
check "nobody listens at beta for anybody else" test -z "$(hosts exec beta sh -c 'cat /proc/net/tcp /proc/net/tcp6' | grep -i ':1FB8 .* 0A ' || true)"
client 2
answered 2 beta

# --- the link is cut: who comes meanwhile waits, and is answered when it is back ---
t hosts cut beta
client 3
t hosts mend beta
answered 3 beta

# --- the supervisor is killed: clients wait until another one takes it up ---
for pid in $(hosts exec alpha pgrep -f "pmig run --name server"); do hosts exec alpha kill -KILL "$pid" || true; done
client 4
on alpha env PMIG_FAULT=freeze:done=fail,restore:restored=fail,commit=fail "$BIN/pmig" attach server </dev/null >"$T/attach.out" 2>"$T/attach.err" &
answered 4 beta
client 5
answered 5 beta

# --- a hand-over is given up, in the middle or at the target, away or home: who waits to be accepted is served where it was ---
mkfifo "$T/pipe"
on gamma perl -MIO::Socket -e '$| = 1; alarm 60; my $s = IO::Socket::INET->new(PeerAddr => "alpha:8120") or die; print $s "hold\n"; print "holds\n"; my $go = <STDIN>;
	print $s "free\n"; print scalar <$s>' <"$T/pipe" >"$T/holder" 2>&1 &
exec {pipe}>"$T/pipe"
await "$T/holder" holds
client 7
client 8
given_up() {
	expect "$1" pmig_on alpha move server "$2"
	says "$3"
}
given_up 5 gamma 'freeze'
client 9
given_up 5 alpha 'alpha: fault point restore:restored'
client 10
given_up 5 gamma 'gamma: fault point restore:restored'
given_up 5 alpha 'fault point commit'
echo go >&"$pipe"
await "$T/holder" '^beta .*: free$'
for i in 7 8 9 10; do answered $i beta; done
client 11 number
await "$T/client.11" '^10$'
echo "ok - each was served once"

# --- the relay is killed: its address is closed, which is said; the server goes on, and can go no further as it is ---
for pid in $(relay); do hosts exec alpha kill -KILL "$pid"; done
await "$T/attach.err" 'tcp 0.0.0.0:8120, which server used from beta, is lost: the agent at alpha was ended'
client 6
check "clients are told at once" grep -q '^no: Connection refused' "$T/client.6"
check "nothing is said to be held" test "$(pmig_on alpha references --json server | jq '[.[] | select(.kind == "listener")] | length')" = 0
expect 3 pmig_on alpha move server gamma
says 'move refused: .*tcp 0.0.0.0:8120 \(by identifier, fixed\): who listened for it at its address is lost'
t pmig_on alpha kill server

# --- the server's host fails: who comes to its address waits for it; when it is back without the server, that is the server's end, and
# --- its address is closed ---
start alpha other "$BIN/tests/accepts" block 8120 8
await "$T/other.out" ready
t pmig_on alpha move other beta
client 12
answered 12 beta
t hosts power beta
client 13
t hosts boot beta
ended_with other 137
client 14
check "clients are told" grep -q '^no: Connection refused' "$T/client.14"
await "$T/client.13" nothing
