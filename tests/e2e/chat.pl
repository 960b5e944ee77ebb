#!/usr/bin/perl
# chat.pl HOST PORT CLIENTS: people in a chat (samples/chat), from the outside: each says a line, waits until it comes back, and says the next,
# until standard input has a line or ends. Prints "talking" once each has heard itself, then every line of /where that is new, and at the end
#	CLIENTS clients, N lines, each once and in order; longest pause M ms
# or dies: a line that was lost, doubled, changed or out of order, another order for another client, a connection that ended.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Sys::Hostname;
use Time::HiRes qw(time);

$| = 1;
my ($host, $port, $count) = @ARGV;
my $select = IO::Select->new;
my ($heard, $talking, $longest, $ending, $where, $last_at) = (0, 0, 0, 0, '');
my (%of, @said);    # the client of a socket; the line that has this number

sub say_next {
	my ($c) = @_;
	undef $c->{waits};
	return if $ending;
	my $line = sprintf 'line %d of %s, %s', ++$c->{said}, $c->{name}, 'x' x ($c->{said} * 37 % 400);
	$c->{waits} = $line;
	syswrite($c->{socket}, ($c->{said} % 50 == 0 ? "/where\n" : '') . "$line\n") // die "$c->{name}: $!\n";
}

sub line_came {
	my ($c, $line) = @_;
	return if $line =~ /^\* (what|.* has (come|left)$)/;
	if ($line =~ /^\* (this is .*)/) {
		print "$1\n" if $1 ne $where;
		$where = $1;
		return;
	}
	my ($number, $who, $text) = $line =~ /^(\d+) (\S+): (.*)$/ or die "$c->{name} heard: $line\n";
	die "$c->{name} heard $number after $c->{number}\n" if defined $c->{number} && $number != $c->{number} + 1;
	$c->{number} = $number;
	die "$c->{name} heard another line $number\n" if defined $said[$number] && $said[$number] ne "$who: $text";
	$said[$number] = "$who: $text";
	$heard = $number if $number > $heard;
	return if $who ne $c->{name};
	die "$c->{name} said '$c->{waits}', and heard '$text'\n" if $text ne $c->{waits};
	print "talking\n" if $c->{said} == 1 && ++$talking == $count;
	say_next($c);
}

for my $i (1 .. $count) {
	my $s = IO::Socket::INET->new(PeerAddr => "$host:$port") or die "$host:$port: $!\n";
	my $c = {socket => $s, name => substr(hostname, 0, 15) . "-$$-$i", said => 0, partial => ''};
	$of{fileno $s} = $c;
	$select->add($s);
	syswrite($s, "$c->{name}\n") // die;
	say_next($c);
}
$select->add(\*STDIN);
$last_at = time;
while (!$ending || grep { defined $_->{waits} || $_->{number} < $heard } values %of) {
	my @ready = $select->can_read(20) or die "nobody says anything, after $heard lines\n";
	for my $s (@ready) {
		if ($s == \*STDIN) {
			$select->remove($s);
			$ending = 1;
			next;
		}
		my $c = $of{fileno $s};
		my $n = sysread($s, $c->{partial}, 65536, length $c->{partial});
		die "$c->{name}: " . (defined $n ? 'the connection ended' : $!) . "\n" if !$n;
		my $now = time;
		$longest = $now - $last_at if $now - $last_at > $longest;
		$last_at = $now;
		line_came($c, $1) while $c->{partial} =~ s/^([^\n]*)\n//;
	}
}
printf "%d clients, %d lines, each once and in order; longest pause %d ms\n", $count, $heard, $longest * 1000;
