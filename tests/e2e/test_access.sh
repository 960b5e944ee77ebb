#!/bin/bash
# shellcheck source=lib.sh
# Nobody else gets in: a program that has moved is listened for where it listened and nowhere else, and what its agents talk by is the user's alone, on
# both hosts.
. "$(dirname "$0")/lib.sh"
hosts_begin

# Sockets that listen, or receive: protocol and address.
listening() { hosts exec "$1" ss -Htuln 2>"$T/none" | awk '{ print $1, $5 }' | sort; }
for host in alpha beta gamma; do listening $host >"$T/$host.before"; done
start alpha web "$BIN/tests/web" 7070
start alpha server "$BIN/tests/datagrams" udp 127.0.0.1 8125
for name in web server; do await "$T/$name.out" ready; done
listening alpha >"$T/alpha.own"
check "they listen at alpha" test "$(comm -13 "$T/alpha.before" "$T/alpha.own" | tr '\n' ';')" = 'tcp 0.0.0.0:7070;udp 127.0.0.1:8125;'

# Every unix socket in the user's directories there: only the user himself can connect to it.
knock() {
	local host=$1 path n=0
	for path in $(on "$host" find . -name .ssh -prune -o -type s -print | sed "s|^\\./|/home/mig/|"); do
		n=$((n + 1))
		check "$host: $(basename "$path"): another user is not let in" test "$(hosts exec "$host" setpriv --reuid=nobody --regid=nogroup --clear-groups perl -MIO::Socket \
			-e 'print IO::Socket::UNIX->new(Peer => $ARGV[0]) ? "in" : "$!"' "$path")" = 'Permission denied'
		check "$host: what it lies in" test "$(on "$host" stat -c %a "$(dirname "$path")")" = 700
	done
	check "$host: $n sockets" test $n -gt 0
}
for host in beta gamma; do
	for name in web server; do t pmig_on alpha move $name $host; done
	check "alpha listens as it did, for both" cmp "$T/alpha.own" <(listening alpha)
	for other in beta gamma; do check "$other listens for nobody" cmp "$T/$other.before" <(listening $other); done
	for other in alpha $host; do knock "$other"; done
done
for name in web server; do t pmig_on alpha kill $name; done
ended_with web 143
ended_with server 143
for i in {1..100}; do ! cmp -s "$T/alpha.before" <(listening alpha) || break; done
check "nobody listens at alpha any more ($i)" cmp "$T/alpha.before" <(listening alpha)
