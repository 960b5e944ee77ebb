# shellcheck shell=bash disable=SC2034 # what tests/e2e/real.sh needs
# GNU dc: strings that are executed within strings, over numbers of any length.
package="bc"
program=dc/dc

real_build() {
	./configure CC="$CC" CFLAGS="-O2 -Wno-implicit-function-declaration -Wno-implicit-int -Wno-int-conversion" && make "${REAL_MAKE[@]}"
}

real_data() {
	echo '10k 2v p [1-d0<a]sa 5 lax 3 7 ^ 100 | f' >short.dc
	echo '100k 0sa 0sb [la1+sa la3^1r/lb+sb la 5000%0=p la ROUNDS>x]sx [lbp]sp lxx lbp' >work.dc
	sed 's/ROUNDS/500000/' work.dc >long.dc
	sed 's/ROUNDS/120000/' work.dc >bench.dc
	short=("$R/short.dc") long=("$R/long.dc") bench=("$R/bench.dc")
}
