#!/bin/bash
# shellcheck source=lib.sh
# A terminal of alpha that exactly is meant (by identifier, fixed) is talked with from beta, from gamma, and at alpha again: by relayed
# bytes, under the same descriptor; a FIFO likewise.
. "$(dirname "$0")/lib.sh"
hosts_begin
mkfifo "$T/keys"

# The other end: what comes on standard input is typed, what is answered is printed; first the name.
cat >"$T/keyboard.pl" <<'PERL'
use strict; use IO::Select; $| = 1;
open(my $m, '+<', '/dev/ptmx') or die "ptmx: $!";
my ($zero, $number) = (pack('i', 0), pack('i', 0));
ioctl($m, 0x40045431, $zero) or die "unlock: $!";
ioctl($m, 0x80045430, $number) or die "number: $!";
my $name = '/dev/pts/' . unpack('i', $number);
open(my $s, '+<', $name) or die "$name: $!"; # stays open: the other end may come and go
system("stty -F $name raw -echo rows 42 cols 99") == 0 or die 'stty';
syswrite(STDOUT, "$name\n");
open(my $in, '<', $ARGV[0]) or die "$ARGV[0]: $!";
my $all = IO::Select->new($m, $in);
while (1) {
	for my $f ($all->can_read) {
		my $n = sysread($f, my $bytes, 65536);
		exit 0 unless $n;
		syswrite($f == $m ? \*STDOUT : $m, $bytes) == length $bytes or die "write: $!";
	}
}
PERL
exec {keys}<>"$T/keys"
keyboard() { hosts as "$1" perl - /dev/fd/3 <"$T/keyboard.pl" 3<"$T/keys" >"$T/screen.$1" 2>&1 & }
keyboard alpha
await "$T/screen.alpha" '^/dev/pts/'
TERMINAL=$(head -1 "$T/screen.alpha")
start alpha talks "$BIN/tests/stream" "$TERMINAL"
await "$T/talks.out" ready

# ask WORDS HOST: is answered from there, once.
ask() {
	echo "$1" >&"$keys"
	await "$T/screen.alpha" "^$2 heard ${#1} bytes, ${1:0:40}, terminal 1 1 rows 42"
	check "$1 was answered once" test "$(grep -c ", ${1:0:40}," "$T/screen.alpha")" -eq 1
}
ask one alpha
check "the plan refers to it" test "$(pmig_on alpha plan --json talks beta | jq -r --arg t "$TERMINAL" '.resources[] | select(.locator == $t) | "\(.kind) \(.strategy)"')" = "device reference"
t pmig_on alpha move talks beta
await "$T/talks.out" "^at beta: $TERMINAL"
ask two beta

# Typed while it moves: nothing is lost, nothing comes twice.
for i in $(seq 100 199); do echo "line $i"; done >&"$keys"
t pmig_on alpha move talks gamma
await "$T/talks.out" "^at gamma"
await "$T/screen.alpha" "heard 8 bytes, line 199," 20
check "each line was answered once, in order" test "$(sed -n 's/.* heard 8 bytes, line \(1..\),.*/\1/p' "$T/screen.alpha" | tr '\n' ' ')" = "$(seq 100 199 | tr '\n' ' ')"
nothing_on beta
ask three gamma

# Back at alpha it is the terminal itself.
t pmig_on alpha move talks alpha
await "$T/talks.out" "^at alpha"
ask four alpha
PID=$(pids_on alpha stream)
check "it is the terminal itself again" test "$(hosts exec alpha readlink "/proc/$PID/fd/3")" = "$TERMINAL"
check "nothing is referred to any more" test -z "$(pmig_on alpha references --json talks | jq -r '.[].kind')"
nothing_on gamma
ask end alpha
ended_with talks 0
