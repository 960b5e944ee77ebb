# stream.pl feed [TRAILER] | sink [KILOBYTES]: the two ends of a stream of numbered lines, "%015d\n" from 1 on, with a client that knows nothing
# of them in between.
#
# feed: 1.6 MB a second until a line comes by descriptor 3, then TRAILER (\n in it is a new line) and "N lines" to standard error; ends when
# descriptor 3 does. A client that is told to end with its input can so be kept until its answers are here.
# sink: reads, so many kilobytes at most every ten milliseconds, compares each line and says once a second how many there were; with what is
# not such a line, or at the end, how many in all and the longest time without a byte. How much of that it was this process that was not
# given the processor is told, too: that long the machine was busy with something else.
use strict;
use warnings;
use Time::HiRes qw(time);
$| = 1;
my ($role, $what) = @ARGV;
my $at = 1;
sub lines { my ($from, $n) = @_; return join '', map { sprintf "%015d\n", $_ } $from .. $from + $n - 1; }
# ready DESCRIPTOR SECONDS
sub ready { vec(my $bits = '', $_[0], 1) = 1; return select($bits, undef, undef, $_[1]) > 0; }

if ($role eq 'feed') {
	open my $commands, '<&=', 3 or die "descriptor 3: $!\n";
	until (ready(3, 0.01)) {
		print lines($at, 1000) or die "feed: $!\n";
		$at += 1000;
	}
	sysread $commands, my $line, 5; # "over\n"
	if (defined $what) { $what =~ s/\\n/\n/g; print $what; }
	printf STDERR "%d lines\n", $at - 1;
	sysread $commands, $line, 5;
	exit;
}

my ($buffer, $last, $longest, $idle, $lost, $said) = ('', time, 0, 0, 0, time);
my ($room, $filled) = (0, 0);
while (1) {
	my $now = time;
	if ($what && $now - $filled >= 0.01) { ($room, $filled) = ($what * 1024, $now); }
	if ($what && $room <= 0) { select undef, undef, undef, 0.002; next; }
	my $before = time;
	if (!ready(0, 0.01)) {
		$idle += time - $before - 0.01; # longer than it was to be
		next;
	}
	my $got = sysread STDIN, my $bytes, $what ? $room : 65536;
	die "sink: $!\n" unless defined $got;
	$now = time;
	my $gap = $now - $last;
	($longest, $lost) = ($gap, $idle) if $gap - $idle > $longest - $lost;
	($last, $idle) = ($now, 0);
	$room -= $got;
	$buffer .= $bytes;
	my $n = int(length($buffer) / 16);
	my $expected = lines($at, $n);
	my $right = substr($buffer, 0, 16 * $n) eq $expected;
	if (!$right) { # up to the first that is not
		$n = 0;
		while (substr($buffer, 16 * $n, 16) eq sprintf "%015d\n", $at + $n) { $n++ }
	}
	$at += $n;
	substr $buffer, 0, 16 * $n, '';
	if ($now - $said >= 0.2) { printf "so far %d\n", $at - 1; $said = $now; }
	last if $got == 0 || !$right;
}
printf "%d lines, then %s; longest gap %.0f ms, of them %.0f without the processor\n", $at - 1,
	$buffer eq '' ? 'the end' : "'" . ($buffer =~ s/[^ -~].*//sr) . "'", 1000 * $longest, 1000 * $lost;
