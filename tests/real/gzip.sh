# shellcheck shell=bash disable=SC2034 # what tests/e2e/real.sh needs
# gzip: big static tables, bits, and blocks of a file that is read while the program moves.
package=gzip
program=gzip

real_build() { ./configure CC="$CC" CFLAGS=-O2 && make "${REAL_MAKE[@]}"; }

real_suite() { make -C tests check TESTS="$(cd tests && make -pn | sed -n 's/^TESTS = *//p')"; }

real_data() {
	[ -e data ] || mawk 'BEGIN { srand(11); for (i = 0; i < 400000; i++)
		printf "%d %s %x\n", i, substr("the quick brown fox jumps over the lazy dog", 1 + int(rand() * 30), 14), rand() * 100000 }' >data
	[ -e few ] || head -c 2000 data >few
	short=(-9cn) short_input=$R/few
	long=(-9cn "$R/data" "$R/data" "$R/data" "$R/data") bench=(-6cn "$R/data")
}
