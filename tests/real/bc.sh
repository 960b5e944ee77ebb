# shellcheck shell=bash disable=SC2034 # what tests/e2e/real.sh needs
# GNU bc: a compiler to byte code and its interpreter, over numbers of any length; setjmp for what interrupts it.
package="bc"
program=bc/bc

# The sources are older than C99, and newer than the makefiles that were generated from them.
real_build() {
	./configure CC="$CC" CFLAGS="-O2 -Wno-implicit-function-declaration -Wno-implicit-int -Wno-int-conversion" && make "${REAL_MAKE[@]}"
}

# Its tests were made to be timed: what the pieces print is compared with what the library itself says, to so many digits.
real_suite() {
	local file
	for file in array arrayp aryprm atan div exp fact jn ln mul raise sine sqrt sqrt1 sqrt2 testfn; do
		bc/bc -l "Test/$file.b" </dev/null >"$file.got" 2>&1
		../clang/bc/bc -l "Test/$file.b" </dev/null >"$file.want" 2>&1
		cmp "$file.got" "$file.want"
	done
	bc/bc -l Test/checklib.b </dev/null
	echo "16 of its files print the same as by clang"
}

real_data() {
	echo 'define f(n) { if (n < 2) return (n); return (f(n - 1) + f(n - 2)); }; f(5); scale = 10; sqrt(2); 2 ^ 70' >short.bc
	echo 'define t(n) { auto i, s; scale = 200; for (i = 1; i <= n; i++) s += 1 / (i * i * i + i); return (s); }
		for (k = 1; k <= rounds; k++) t(8000 + k)' >work.bc
	{ echo rounds=60 && cat work.bc; } >long.bc
	{ echo rounds=15 && cat work.bc; } >bench.bc
	short=("$R/short.bc") long=("$R/long.bc") bench=("$R/bench.bc")
}
