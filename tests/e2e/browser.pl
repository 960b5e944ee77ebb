#!/usr/bin/perl
# browser.pl BROWSER URL: a page of samples/webcounter in a real browser (headless Chromium), looked at over its debugging pipe (Chrome DevTools
# Protocol: JSON texts that end with a NUL, commands on descriptor 3 and answers on 4). Prints what the page shows, as JSON, whenever
# its host is another one, and once more when standard input has a line or ends; "reloaded" is true if it is not the document that it was.
use strict;
use warnings;
use Fcntl qw(F_DUPFD);
use IO::Select;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(time);

$| = 1;
my ($browser, $url) = @ARGV;
pipe(my $commands, my $to) && pipe(my $from, my $answers) or die "pipe: $!\n";
my $pid = fork // die "fork: $!\n";
if (!$pid) {
	# Both at once: descriptor 3 or 4 may be one of the four.
	my ($in, $out) = map { fcntl $_, F_DUPFD, 10 } $commands, $answers;
	POSIX::dup2($in, 3) && POSIX::dup2($out, 4) or die "dup2: $!\n";
	exec $browser, '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-pipe',
		"--user-data-dir=$ENV{HOME}/browser", 'about:blank' or die "$browser: $!\n";
}
close $commands;
close $answers;
END { kill 'KILL', $pid if $pid }

my ($number, $came, $session) = (0, '');

# The answer to a command; events are not looked at.
sub command {
	my ($method, %params) = @_;
	my %command = (id => ++$number, method => $method, params => \%params);
	$command{sessionId} = $session if $session;
	syswrite($to, encode_json(\%command) . "\0") // die "the browser has ended: $!\n";
	for (;;) {
		while ($came =~ s/^([^\0]*)\0//) {
			my $answer = decode_json($1);
			next if ($answer->{id} // 0) != $number;
			die "$method: $answer->{error}{message}\n" if $answer->{error};
			return $answer->{result};
		}
		IO::Select->new($from)->can_read(30) or die "$method: the browser does not answer\n";
		sysread($from, $came, 65536, length $came) or die "$method: the browser has ended\n";
	}
}

my $target = command('Target.createTarget', url => $url)->{targetId};
$session = command('Target.attachToTarget', targetId => $target, flatten => JSON::PP::true)->{sessionId};

# What the page shows.
my $look = q{(() => {
	const text = (id) => document.getElementById(id)?.textContent ?? '';
	if (text('host') === '') return null;
	const shown = {count: +text('count'), host: text('host'), hosts: text('hosts'), missed: +text('missed'), opened: +text('opened'),
		pause: +text('pause'), reloaded: window.looked === undefined && window.name === 'looked'};
	window.looked = true;
	window.name = 'looked';
	return JSON.stringify(shown);
})()};
my ($last, $host, $input) = ('', '', IO::Select->new(\*STDIN));
for (;;) {
	my $ending = $input->can_read(0.05);
	my $shown = command('Runtime.evaluate', expression => $look)->{result}{value};
	die "there is no page\n" if !defined $shown && $ending;
	next if !defined $shown;
	my $page = decode_json($shown);
	next if $page->{host} eq '-' && !$ending;
	print "$shown\n" if $page->{host} ne $host || $ending || $page->{reloaded};
	$host = $page->{host};
	last if $ending;
}
