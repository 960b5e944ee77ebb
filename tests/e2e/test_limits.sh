#!/bin/bash
# shellcheck source=lib.sh
# What a host lets come to it: pmig-limits(5). Each kind of limit refuses a move in words that name file and line, before anything has been
# shipped, the program goes on at the source; the user's file cannot widen the system's; a file that is wrong, or others', allows nothing.
. "$(dirname "$0")/lib.sh"
hosts_begin

epoch=1
echo_begin alpha 4000000
user=.config/pmig/limits system=/etc/pmig/limits
t on beta mkdir -p .config/pmig
t hosts exec beta mkdir -p /etc/pmig

# limits FILE LINE...: that is what it says.
limits() {
	local file=$1
	shift
	if [ "$file" = $system ]; then
		printf '%s\n' "$@" | hosts exec beta sh -c "cat >$system; chmod 644 $system"
	else
		printf '%s\n' "$@" | on beta sh -c "cat >$user; chmod 600 $user"
	fi
}

# refused PATTERN: the move to beta is, with one sentence; the program goes on here, and nothing has come there.
refused() {
	expect 3 pmig_on alpha move echo beta
	says "$1"
	goes_on
	check "it is still at alpha" test "$(pmig_on alpha ps --json | jq -r '.[0].host, .[0].epoch' | tr '\n' ' ')" = "alpha $epoch "
	check "no image came to beta" test -z "$(left_on beta)"
	check "no program came to beta" test -z "$(on beta sh -c 'find .cache/pmig -name echo 2>/dev/null')"
}

hash=$(sha256sum "$BIN/tests/echo" | cut -d' ' -f1)
other=$(sha256sum "$BIN/tests/accepts" | cut -d' ' -f1)
home=/home/mig

limits $user '# only she' 'sender = alice@*'
refused "beta does not take echo: $home/$user:2: nothing is taken from mig@alpha; a line .sender = mig@alpha. there would allow it"
limits $user 'from = 10.77.0.99'
refused "$home/$user:1: nothing is taken over a connection from 10\.77\.0\.11"
limits $user 'memory = 1kB'
refused "$home/$user:1: more memory than a program may bring: [0-9]+ bytes, 1kB are allowed there"
limits $user 'disk = 1kB'
refused "$home/$user:1: more than what comes may take on disk"
limits $user "program = $other"
refused "$home/$user:1: no program runs here whose SHA-256 is $hash"
limits $user 'programs = all'
refused "$home/$user:1:1: expected sender, from, .*; nothing is allowed until that is mended"
limits $user 'memory = 10GB'
t on beta chmod 000 $user
refused "$home/$user: .*; nothing is allowed until that is mended"
t on beta chmod 600 .config/pmig
refused "$home/$user: limits that cannot be read allow nothing"
t on beta chmod 700 .config/pmig
t on beta chmod 666 $user
refused "$home/$user: others can change these limits, so nothing is allowed"

# What the system does not allow, the user cannot.
limits $system 'sender = root@*'
limits $user 'sender = mig@alpha' "program = $hash"
refused "$system:1: nothing is taken from mig@alpha"
limits $system 'sender = mig@*' 'memory = 1GB' 'disk = 1GB'

# With what is allowed it moves; the libraries of that host are its own. Back at home nothing is asked.
on alpha sh -c 'mkdir -p .config/pmig; echo "program = none" >.config/pmig/limits; chmod 600 .config/pmig/limits'
t pmig_on alpha move echo beta
goes_on
t pmig_on alpha move echo alpha
goes_on
epoch=3

# And then not any more.
limits $user "program = $other"
t on beta sh -c 'rm -rf .cache/pmig'
refused "no program runs here whose SHA-256 is $hash"

# A program that is started there is one that comes.
expect 126 pmig_on alpha run --on beta -- "$BIN/tests/echo"
says "no program runs here whose SHA-256 is $hash"

echo end >&7
exec 7>&-
await "$T/echo.status" '^status'

# The limits become narrower while the image is under way, which is what a sender that says another hash than the program has would meet: what
# is about to run is looked at itself.
mkfifo "$T/again"
limits $user "program = $hash"
RUN_ENV=(PMIG_FAULT=restore:row=delay:4000)
INPUT=$T/again start alpha later "$BIN/tests/echo" 4000000
exec 7>"$T/again"
echo "line 1" >&7
await "$T/later.out" '^1 line 1$'
(
	for ((i = 0; i < 3000; i++)); do
		! left_on beta | grep -q "/image/.*[0-9]\$" || break
	done
	limits $user "program = $other"
) &
expect 5 pmig_on alpha move later beta
says "restore: .*: $home/$user:1: no program runs here whose SHA-256 is $hash"
echo "line 2" >&7
await "$T/later.out" '^2 line 2$'
check "no image is left at beta" test -z "$(left_on beta)"
exec 7>&-
await "$T/later.status" '^status'
limits $user '# nothing'
RUN_ENV=()

# --- addresses: of a listener by type, which is opened again there ---
on alpha sh -c 'printf "[%s \"*\"]\nbinding = type\nattachment = fixed\n" listener datagram >~/type'
t pmig_on alpha registry policy add "$(on alpha sh -c 'echo ~/type')"
start alpha server "$BIN/tests/serves" 8123 /tmp/serves.socket
await "$T/server.out" ready
limits $user 'address = unix *' 'address = udp *' 'address = tcp 127.0.0.1:*'
expect 3 pmig_on alpha move server beta
says "beta does not take server: $home/$user:1: no program that comes listens here at tcp 0\.0\.0\.0:8123"
limits $user 'address = unix *' 'address = udp *' 'address = tcp 0.0.0.0:8123'
t pmig_on alpha move server beta
