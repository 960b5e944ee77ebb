#!/bin/bash
# shellcheck source=lib.sh
# Who may do what: with umask 000 everywhere, what pmig makes at all three hosts is for its user alone; another user gets neither to the control
# socket nor to an agent's; and no bytes that arrive at a socket, on a command line or in the environment do more than be refused.
. "$(dirname "$0")/lib.sh"
hosts_begin
for host in alpha beta gamma; do
	on "$host" sh -c 'rm -rf .local .cache; mkdir -m 755 .local .cache; mkdir -m 755 .local/state; echo "umask 000" >>.bashrc; echo "umask 000" >>.profile'
done
mkfifo "$T/input"
(
	status=0
	on alpha sh -c 'umask 000; exec "$@"' sh "$BIN/pmig" run --name echo -- "$BIN/tests/echo" 4000000 <"$T/input" >"$T/echo.out" 2>"$T/echo.err" ||
		status=$?
	echo "status $status" >"$T/echo.status"
) &
exec 7>"$T/input"
goes_on

# closed HOST: no directory of pmig's lets anybody else in, no file or socket anybody read or write. What lies in a directory that is closed is
# looked at all the same.
closed() {
	on "$1" sh -c 'find .local/state/pmig .cache/pmig \( -type d -o -type f -o -type s \) -perm /077 -exec ls -ld {} + 2>/dev/null' >"$T/open" || true
	check "$(on "$1" sh -c 'find .local/state/pmig .cache/pmig 2>/dev/null | wc -l') things of pmig's at $1 are its user's alone: $(cat "$T/open")" test ! -s "$T/open"
	on "$1" sh -c 'find /tmp /var/tmp /dev/shm -name "*pmig*" -user mig 2>/dev/null' >"$T/shared" || true
	check "nothing of pmig's lies at $1 where everybody can write: $(cat "$T/shared")" test ! -s "$T/shared"
}
closed alpha
for host in beta gamma alpha; do
	t pmig_on alpha move echo "$host"
	goes_on
	for each in alpha beta gamma; do closed "$each"; done
done
t pmig_on alpha move echo beta
goes_on
on alpha sh -c "umask 000; '$BIN/pmig' checkpoint echo -o \$HOME/saved.image"
check "an image is its user's alone" test "$(on alpha stat -c %a saved.image)" = 600

# --- another user, even where the directories let everybody in
sockets() { hosts exec "$1" sh -c 'ls /home/mig/.local/state/pmig/*/run/*.sock'; }
for host in alpha beta; do
	hosts exec "$host" sh -c 'chmod 755 /home/mig /home/mig/.local /home/mig/.local/state /home/mig/.local/state/pmig /home/mig/.local/state/pmig/* \
		/home/mig/.local/state/pmig/*/run; chmod 666 /home/mig/.local/state/pmig/*/run/*.sock'
	sockets "$host" >"$T/sockets"
	check "sockets at $host" test -s "$T/sockets"
	while read -r socket; do
		got=$(hosts exec "$host" setpriv --reuid 65534 --regid 65534 --clear-groups perl -MIO::Socket -e '$SIG{ALRM} = sub { exit 9 }; alarm 5;
			my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "no way in\n"; $SIG{PIPE} = "IGNORE";
			$s->syswrite("r{\"do\":\"move\",\"host\":\"gamma\"}\n"); my $n = $s->sysread(my $all, 9999); print defined $n ? $n : 0;' "$socket")
		check "nobody is not talked to by $(basename "$socket") at $host" test "$got" = 0
	done <"$T/sockets"
	hosts exec "$host" sh -c 'chmod 700 /home/mig/.local/state/pmig /home/mig/.local/state/pmig/* /home/mig/.local/state/pmig/*/run
		chmod 600 /home/mig/.local/state/pmig/*/run/*.sock'
done
goes_on

# --- the control socket: every verb with wrong fields, no JSON, too long a line, nothing, everything at once
on alpha perl -MIO::Socket -e '
	my ($path) = glob("$ENV{HOME}/.local/state/pmig/*/run/echo.sock"); chdir($path =~ s![^/]*$!!r); $SIG{PIPE} = "IGNORE"; $SIG{ALRM} = sub { die "it hangs\n" };
	my @verbs = qw(move plan checkpoint evacuate kill wait detach status ps channels references addresses attach quit abort), "", "\\u0000", "x" x 70000;
	my @values = ("", "[]", "{}", "-1", "1e999", "true", "null", "\"\"", "\"" . "x" x 60000 . "\"", "\"\\ud800\"", "\"\xff\xfe\"", "[" x 3000, "9999999999999999999999");
	my $count = 0;
	sub say_it { alarm 20; my $s = IO::Socket::UNIX->new(Peer => "echo.sock") or die "echo.sock: $!\n"; $s->syswrite($_[0]); shutdown($s, 1);
		my $all; 1 while $s->sysread($all, 65536); $count++ }
	say_it($_) for "", "\n", "\0" x 100, "{\n", "x" x 200000, "[1]\n", join("", map { "{\"do\":\"$_\"\n" } 1 .. 500);
	for my $field (qw(do host name id signal timeout limits columns json keep force path output stop)) { for my $value (@values) {
		say_it("{\"do\":\"plan\",\"$field\":$value}\n"); say_it("{\"do\":\"$field\",\"verb\":$value}\n"); say_it("{\"verb\":$value}\n") } }
	srand 7; say_it(join("", map { chr int rand 256 } 1 .. 300) . "\n") for 1 .. 200;
	print "$count\n"' >"$T/said" 2>"$T/why" || fail "the control socket: $(cat "$T/why")"
check "the supervisor refused $(cat "$T/said") conversations" test "$(cat "$T/said")" -gt 500
goes_on
check "it has not moved" test "$(pmig_on alpha ps --json | jq -r '.[0].host, .[0].state' | tr '\n' ' ')" = "beta away "

# --- command lines and the environment
long=$(head -c 100000 /dev/zero | tr '\0' a)
odd=$(printf '\xff\xfe%%n%%s')
for verb in move plan checkpoint restart image registry policy ps wait kill logs attach recover doctor evacuate; do
	for argument in "" "$odd" "$long" "--$odd" "--$long" "-" "--" "../../etc/passwd" $'a\nb'; do
		status=0
		timeout 20 "$PMIG_SOURCE/tests/hosts.sh" as alpha "$BIN/pmig" "$verb" "$argument" "$argument" </dev/null >"$T/got" 2>"$T/stderr" || status=$?
		[ $status -ne 124 ] && [ $status -lt 128 ] || fail "pmig $verb ${argument:0:40}: exit status $status: $(head -c 300 "$T/stderr")"
	done
done
echo "ok - no command line ends by a signal"
for variable in PMIG_STATE PMIG_FAULT PMIG_FAULT_RECORD PMIG_EVERY PMIG_SSH HOME XDG_STATE_HOME XDG_CONFIG_HOME SSH_CONNECTION; do
	for value in "" "$odd" "$long" "/" "relative" "/proc/self/mem"; do
		status=0
		timeout 20 "$PMIG_SOURCE/tests/hosts.sh" as alpha env "$variable=$value" "$BIN/pmig" ps </dev/null >"$T/got" 2>"$T/stderr" || status=$?
		[ $status -ne 124 ] && [ $status -lt 128 ] || fail "$variable=${value:0:40}: exit status $status: $(head -c 300 "$T/stderr")"
	done
done
echo "ok - no environment ends it by a signal"
goes_on
