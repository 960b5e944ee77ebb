# shellcheck shell=bash disable=SC2034 # what tests/e2e/real.sh needs
# mawk: an interpreter with a lexer, regular expressions and streams of its own.
package=mawk
program=mawk

real_build() { ./configure CC="$CC" CFLAGS=-O2 && make; }

# A division by zero ends as the libc of the machine has it, which is what `make fpe_test` wants to be told by its user.
real_suite() { make mawk_test && make fpe_test; }

real_data() {
	[ -e words ] || mawk 'BEGIN { srand(7); for (i = 0; i < 60000; i++) {
		line = ""
		for (k = 0; k < 6; k++) line = line sprintf("%s%d ", substr("etaoinshrdlu", 1 + int(rand() * 9), 3), rand() * 1000)
		print line } }' </dev/null >words
	short=('BEGIN { while (i++ < 3) print i, substr("short", i); $0 = "a b,c"; n = split($0, t, /[ ,]/); print n, t[3]; sub(/b/, "[&]"); print }')
	long=(-f "$SOURCE/work.awk" -v rounds=48 "$R/words")
	random=(-f "$SOURCE/work.awk" -v rounds=5 "$R/words")
	bench=(-f "$SOURCE/work.awk" -v rounds=4 "$R/words")
}
