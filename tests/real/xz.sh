# shellcheck shell=bash disable=SC2034 # what tests/e2e/real.sh needs
# xz: four threads that compress blocks of a file for the one that reads and writes; mutexes, condition variables with times, a
# pipe to itself, and poll().
package=xz-utils
program=src/xz/xz

real_build() {
	./configure CC="$CC" CFLAGS=-O2 --disable-shared --disable-nls --disable-lzmadec --disable-lzmainfo --disable-scripts --disable-doc &&
		make "${REAL_MAKE[@]}"
}

real_suite() { make check "${REAL_MAKE[@]}"; }

real_data() {
	[ -e data ] || mawk 'BEGIN { srand(11); for (i = 0; i < 250000; i++)
		printf "%d %s %x\n", i, substr("the quick brown fox jumps over the lazy dog", 1 + int(rand() * 30), 14), rand() * 100000 }' >data
	[ -e few ] || head -c 3000 data >few
	short=(-c -T2 -1 --block-size=1KiB) short_input=$R/few
	[ -e less ] || head -c 1000000 data >less
	random=(-kc -T4 -1 --block-size=64KiB "$R/less") # each safe point of each thread is counted, in turn
	long=(-kc -T4 -6 --block-size=512KiB "$R/data") bench=(-kc -T4 -2 --block-size=512KiB "$R/data")
}
