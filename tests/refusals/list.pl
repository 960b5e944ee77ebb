#!/usr/bin/perl
# list.pl: every sentence with which pmig refuses something, from the sources, each with its place and the tests that know its words:
#
#	tests/refusals/list.pl            # all of them: PLACE, sentence, cases; tabs between
#	tests/refusals/list.pl --check    # only what is wrong: a refusal without a case, an exemption that excuses nothing
#
# A refusal is what is given to error_set() and its kind with one of the codes below, what the compiler says at a line of the program,
# what bound_to() keeps, and the words of the tables and files listed below. A case knows a refusal when four words of it in a
# row, which no other refusal has, stand in a string of the test (all of its words, where it has fewer). What cannot have a case is in
# exempt.txt, with the reason.
use strict;
use warnings;
use File::Basename;
chdir dirname($0) . '/../..' or die "$!\n";
my $check = @ARGV && $ARGV[0] eq '--check';

my $codes = qr/\bPMIG_E(?:REFUSED|POINTER|FOREIGN|NOSUPPORT|BUSY)\b/;
# Who is given a sentence: which argument it is (negative: only with one of the codes in the first).
my %givers = (
	error_set => -1, error_errno => -2, error_prefix => -1, work_error => 2, bound_to => 1,
	'runtime/kind/tree_list.c:refuse' => 2, 'runtime/resource/binding.c:BOUND' => 2, 'runtime/stream/open.c:unsupported' => 2,
	'runtime/children.c:living' => -1, 'transport/agent_image.c:give_up' => -1, 'runtime/resource/decide.c:snprintf' => 2,
	'registry/plan.c:refuse' => 3, 'registry/plan.c:pool_format' => 1, 'registry/tbl/default.h:DEFAULT' => 5,
);
# Where sentences are data: every string of at least three words.
my %data = map { $_ => 1 } qw(instrument/tbl/cc_option.h registry/plan_judge.c runtime/base/uncarried.c runtime/kind/socket_options.c);

sub slurp { local $/; open my $in, '<', $_[0] or die "$_[0]: $!\n"; return <$in> }

# Comments become blanks, so that lines stay where they are.
sub code {
	my $text = slurp($_[0]);
	$text =~ s{("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(/\*.*?\*/|//[^\n]*)}{defined $1 ? $1 : $2 =~ s/[^\n]//gr}gse;
	return $text;
}

my $string = qr/"(?:\\.|[^"\\])*"/;
# The strings of a piece of C, those that follow each other as one; what stands between them (PRIu64) as a figure.
sub strings {
	my @all;
	while ($_[0] =~ /($string(?:\s*(?:PRI\w+\s*)?$string)*)/g) {
		my ($at, $run) = ($-[1], $1);
		push @all, [$at, join('', map { s/^"|"$//gr } $1 =~ /($string)/g) =~ s/\\n//gr =~ s/\\(.)/$1/gr];
	}
	return @all;
}

# The arguments of the call whose parenthesis opens at an offset, each with its own offset.
sub arguments {
	my ($text, $at) = @_;
	my ($depth, @all) = (1, [$at, '']);
	pos($text) = $at;
	while ($depth > 0 && $text =~ /\G($string|'(?:\\.|[^'\\])*'|.)/gs) {
		my $token = $1;
		$depth++ if $token eq '(' || $token eq '{' || $token eq '[';
		$depth-- if $token eq ')' || $token eq '}' || $token eq ']';
		if ($token eq ',' && $depth == 1) { push @all, [pos $text, ''] }
		elsif ($depth > 0) { $all[-1][1] .= $token }
	}
	return @all;
}

sub line { return 1 + (substr($_[0], 0, $_[1]) =~ tr/\n//) }

my %sentences; # sentence => its places
# What has no words of its own, such as a path with errno's, is known by its file.
sub note { my ($file, $line, $sentence) = @_; push @{$sentences{$sentence =~ /[a-z]{2}.* [a-z]/ ? $sentence : "$file: $sentence"}}, "$file:$line" }

for my $file (sort grep { !/^tools\/benchmarks/ && -f } split /\n/, `git ls-files -co --exclude-standard 'runtime/*.[ch]' 'registry/*.[ch]' 'transport/*.[ch]' 'tools/*.[ch]' 'instrument/*.[ch]'`) {
	my $text = code($file);
	if ($data{$file}) {
		for (strings($text)) { note($file, line($text, $_->[0]), $_->[1]) if ($_->[1] =~ tr/ //) >= 2 }
		next;
	}
	next if $file =~ /\.h$/ && !grep { /^\Q$file:/ } keys %givers;
	while ($text =~ /\b(\w+)\s*\(/g) {
		my $where = $givers{$1} // $givers{"$file:$1"} // next;
		my @given = arguments($text, $+[0]);
		next if $where < 0 && $given[0][1] !~ $codes;
		my $sentence = $given[abs $where] or next;
		for (strings($sentence->[1])) { note($file, line($text, $sentence->[0] + $_->[0]), $_->[1]) if $_->[1] ne '' }
	}
}

# Rows of the tables of libc are refused by one sentence, and test_refusals takes each of them.
my $break = '|';
sub words { return $_[0] =~ /[A-Za-z0-9_]+(?:['-][A-Za-z0-9_]+)*|\|/g }
sub pieces { return map { [words($_)] } split /%[-#0+ ]*(?:\d+|\*)?(?:\.(?:\d+|\*)?)?(?:hh|h|ll|l|z|j|t)?[a-zA-Z]|\|/, $_[0] =~ s/%%/ /gr }

# The texts of the tests: strings of C, the marks of what is not to be compiled, lines of scripts, snapshots.
my %known; # file => its words, in one line
for my $file (sort grep { -f } split /\n/, `git ls-files -co --exclude-standard tests`) {
	my $text;
	if ($file =~ m{^tests/refusals/compile/}) { $text = join $break, slurp($file) =~ /(?:REFUSED|STRICT): (.*) \*\//g }
	elsif ($file =~ m{/(unit|refusals|programs|libc|capture)/.*\.[ch]$}) { $text = join $break, map { $_->[1] } strings(code($file)) }
	elsif ($file =~ /\.sh$/) { $text = join $break, grep { !/^\s*#/ } split /\n/, slurp($file) }
	elsif ($file =~ m{/snapshots/}) { $text = slurp($file) }
	else { next }
	$text =~ s/\\\\?//g;
	$text =~ s/\[\^?[^\]]*\][+*?]?|\.[*+]/$break/g;
	$known{$file} = ' | ' . join(' ', words($text)) . ' | ';
}

my %plain = map { $_ => join ' | ', map { join ' ', @$_ } pieces($_) } keys %sentences;
sub alone { my ($run, $mine) = @_; return !grep { $_ ne $mine && index(" $plain{$_} ", " $run ") >= 0 } keys %plain }

# The runs of words by which a sentence is known: of four, and longer ones for those that differ little.
sub runs {
	my ($sentence) = @_;
	return if $sentence =~ m{^[a-z/_]+\.[ch]: };
	my @pieces = sort { @$b <=> @$a } pieces($sentence);
	my @all;
	for my $n (@pieces > 0 && @{$pieces[0]} < 4 ? scalar @{$pieces[0]} : (4, 6, 8)) {
		for my $p (@pieces) {
			for (my $i = 0; $n > 0 && $i + $n <= @$p; $i++) { push @all, join ' ', @$p[$i .. $i + $n - 1] }
		}
	}
	return @all;
}

my %exempt; # sentence => reason
for (split /\n/, slurp('tests/refusals/exempt.txt')) {
	next if /^#/ || /^\s*$/;
	my ($sentence, $reason) = split /\t+/, $_, 2;
	die "exempt.txt: \"$_\": a sentence, a tab, a reason\n" if !defined $reason || $reason !~ /\w+ \w+/;
	$exempt{$sentence} = $reason;
}

# All of a sentence, whatever stands for its figures; one without any is a string of its own.
sub whole {
	my ($sentence) = @_;
	my @pieces = grep { @$_ > 0 } pieces($sentence);
	return @pieces < 2 || $sentence =~ m{^[a-z/_]+\.[ch]: } ? undef : join '.{0,99}?', map { quotemeta ' ' . join(' ', @$_) . ' ' } @pieces;
}

my $wrong = 0;
for my $sentence (sort { $sentences{$a}[0] cmp $sentences{$b}[0] } keys %sentences) {
	my %cases;
	for my $run (grep { alone($_, $sentence) } runs($sentence)) {
		index($known{$_}, " $run ") >= 0 and $cases{$_} = 1 for keys %known;
	}
	my $whole = whole($sentence);
	$plain{$sentence} =~ / / && index($known{$_}, " | $plain{$sentence} | ") >= 0 and $cases{$_} = 1 for keys %known;
	defined $whole and $known{$_} =~ /$whole/ and $cases{$_} = 1 for keys %known;
	my $cases = join ' ', sort keys %cases;
	my $excused = delete $exempt{$sentence};
	my $places = join ' ', @{$sentences{$sentence}};
	print "$places\t$sentence\t" . ($cases || (defined $excused ? "none: $excused" : 'NONE')) . "\n" if !$check;
	if ($cases eq '' && !defined $excused) {
		$wrong++;
		print "$sentences{$sentence}[0]: \"$sentence\": no test has these words; add a case, or a reason to tests/refusals/exempt.txt\n" if $check;
	} elsif ($cases ne '' && defined $excused) {
		$wrong++;
		print "tests/refusals/exempt.txt: \"$sentence\" has a case: $cases\n" if $check;
	}
}
for (sort keys %exempt) {
	$wrong++;
	print "tests/refusals/exempt.txt: \"$_\": nothing says that\n" if $check;
}
exit($wrong > 0);
