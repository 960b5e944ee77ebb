# shellcheck shell=bash
# shellcheck source=lib.sh
# feeds.sh: what the tests of streams share, after lib.sh: an endless source and its sink at one host, the program between them at another.

# feed HOST: numbers into ~/in there, until `fed HOST`; what comes out of ~/out is kept, and compared with them by `came HOST`.
feed() {
	on "$1" sh -c 'rm -f in out copy stop count; mkfifo in out'
	(on "$1" perl -e '$SIG{PIPE} = "IGNORE"; my $n = 0; open my $in, ">", "in" or die; $in->autoflush(0);
		while (!-e "stop") { for (1 .. 500) { print $in ++$n, "\n" or exit } }
		close $in; open my $count, ">", "count"; print $count "$n\n"') &
	rm -f "$T/copied"
	(on "$1" sh -c 'cat out >copy; echo copied') >"$T/copied" &
}
fed() { on "$1" touch stop; }
came() {
	await "$T/copied" copied
	check "${2:-every line} came back once, in order" test "$(on "$1" sh -c 'seq 1 "$(cat count)" | cmp - copy && echo same')" = same
}
