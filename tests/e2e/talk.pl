# talk.pl HOST:PORT|PATH CONNECTIONS [BYTES]: talks with an echo over so many connections at once until a line comes by standard input, then
# sends BYTES at most in all on each, ends its direction and reads to the end. Every byte that comes back is compared. Says how many bytes
# that were and the longest time that any connection with bytes under way heard nothing; dies at the first wrong byte, reset or early end.
# With a negative HOST:PORT ("listen:PORT"): waits for the connections instead of making them.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(TCP_NODELAY IPPROTO_TCP);
use Time::HiRes qw(time);
$| = 1;
my ($where, $n, $window) = @ARGV;
$window ||= 20_000; # bytes under way on each
my $size = 65_521;
srand 7;
my $block = join '', map { chr int rand 256 } 1 .. $size;
$block .= $block;
my $listener;
$listener = IO::Socket::INET->new(Listen => $n, LocalPort => $1, ReuseAddr => 1) || die "listen: $!\n" if $where =~ /^listen:(\d+)/;
print "listening\n" if $listener;
my (@talks, %of);
for my $i (0 .. $n - 1) {
	my $s = $listener ? $listener->accept : $where =~ m{^/} ? IO::Socket::UNIX->new(Peer => $where) : IO::Socket::INET->new(PeerAddr => $where);
	die "$where: $!\n" unless $s;
	$s->blocking(0);
	my $t = {s => $s, i => $i, sent => 0, heard => 0, at => time, name => $where =~ m{^/} ? '' : $s->sockport};
	push @talks, $t;
	$of{fileno $s} = $t;
}
print "connected\n";
my ($longest, $stop, $rest) = (0, 0, $n);
my $read = IO::Select->new(\*STDIN, map { $_->{s} } @talks);
my $write = IO::Select->new(map { $_->{s} } @talks);
sub expected { my ($t, $at, $bytes) = @_; return substr $block, ($at + $t->{i} * 7919) % $size, $bytes; }
while ($rest > 0) {
	my ($r, $w) = IO::Select->select($read, $write, undef, 30) or die "nothing for 30 s\n";
	for my $s (@$r) {
		if (fileno $s == 0) {
			sysread STDIN, my $line, 100;
			$stop = 1;
			$read->remove(\*STDIN);
			$write->add($_->{s}) for grep { !$_->{over} } @talks;
			next;
		}
		my $t = $of{fileno $s};
		my $got = sysread $s, my $bytes, 16_000;
		next if !defined $got && $!{EAGAIN};
		die "connection $t->{i}: $!\n" unless defined $got;
		my $now = time;
		my $gap = $now - $t->{at};
		$longest = $gap if $gap > $longest && $t->{sent} > $t->{heard};
		$t->{at} = $now;
		if ($got == 0) {
			die "connection $t->{i} ended at $t->{heard} of $t->{sent}\n" if !$t->{ended} || $t->{heard} != $t->{sent};
			$read->remove($s);
			$t->{over} = 1;
			$rest--;
			next;
		}
		die "connection $t->{i}: wrong bytes at $t->{heard}\n" if $bytes ne expected($t, $t->{heard}, $got);
		$t->{heard} += $got;
		$write->add($s) unless $t->{ended};
	}
	for my $s (@$w) {
		my $t = $of{fileno $s};
		my $room = $window - ($t->{sent} - $t->{heard});
		if ($stop) {
			shutdown $s, 1 unless $t->{ended};
			$t->{ended} = 1;
			$write->remove($s);
			next;
		}
		if ($room <= 0) { $write->remove($s); next; }
		$room = 8_000 if $room > 8_000;
		$t->{at} = time if $t->{sent} == $t->{heard};
		my $put = syswrite $s, expected($t, $t->{sent}, $room);
		next if !defined $put && $!{EAGAIN};
		die "connection $t->{i}: $!\n" unless defined $put;
		$t->{sent} += $put;
	}
}
my ($bytes, $least) = (0, undef);
for (@talks) { $bytes += $_->{heard}; $least = $_->{heard} if !defined $least || $_->{heard} < $least; }
printf "%d connections, %d bytes each way, at least %d on each, longest gap %.0f ms\n", $n, $bytes, $least, 1000 * $longest;
