# A terminal for a test: prints its name; what comes in by the file that is named is typed, what the program writes is printed.
use strict; use IO::Select; $| = 1;
open(my $m, '+<', '/dev/ptmx') or die "ptmx: $!";
my ($zero, $number) = (pack('i', 0), pack('i', 0));
ioctl($m, 0x40045431, $zero) or die "unlock: $!"; # TIOCSPTLCK
ioctl($m, 0x80045430, $number) or die "number: $!"; # TIOCGPTN
my $name = '/dev/pts/' . unpack('i', $number);
open(my $s, '+<', $name) or die "$name: $!"; # stays open: the program may come and go
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
