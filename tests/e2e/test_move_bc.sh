#!/bin/bash
# shellcheck source=lib.sh
# GNU bc and dc, from Debian's source package with one safe point added to each, move in mid-calculation: alpha, beta, alpha.
. "$(dirname "$0")/lib.sh"
cd "$T"
apt-get source -qq bc >apt.log 2>&1 || skip "apt-get source bc: $(tail -n 1 apt.log)"
hosts_begin SHARE="$PMIG_SOURCE $PMIG_BUILD $T"

cat >long.bc <<'END_BC'
define t(n) { auto i, s; scale = 200; for (i = 1; i <= n; i++) s += 1 / (i * i * i + i); return (s); }
for (k = 1; k <= 12; k++) t(20000 * k)
END_BC
printf '100k 0sa 0sb [la1+sa la3^1r/lb+sb la 5000%%0=p la 400000>x]sx [lbp]sp lxx lbp\n' >long.dc

# build DIRECTORY CC: the safe point is the first thing that each evaluation of an instruction does.
build() {
	cp -a bc-*/ "$1"
	(
		cd "$1"
		sed -i 's|^      inst = byte(&pc);|      pmig_safepoint();\n&|; 1i #include <pmig/pmig.h>' bc/execute.c
		sed -i 's|^		c = \*(const unsigned char \*)s++;|		pmig_safepoint();\n&|; 1i #include <pmig/pmig.h>' dc/eval.c
		[ "$(grep -c pmig_safepoint bc/execute.c dc/eval.c | tr '\n' ' ')" = "bc/execute.c:1 dc/eval.c:1 " ] || exit
		./configure CC="$2" >configure.log 2>&1 || exit
		make AUTOMAKE=: ACLOCAL=: AUTOCONF=: AUTOHEADER=: MAKEINFO=: \
			CFLAGS="-O2 -w -Wno-implicit-function-declaration" >make.log 2>&1 || { tail make.log && exit 1; }
	)
}
t build clang "clang-19 -I$PMIG_SOURCE/runtime/include"
t build pmig "$BIN/pmig-cc"
clang/bc/bc long.bc </dev/null >bc.want
clang/dc/dc long.dc >dc.want
chmod -R a+rX "$T"

# moved NAME PROGRAM ARGS...: to beta and back in mid-calculation, with the output of the undisturbed run
moved() {
	local name=$1 host
	t pmig_on alpha run -d --name "$@" </dev/null
	for host in beta home; do
		t pmig_on alpha move "$name" $host
		[ $host = home ] && host=alpha
		check "$name runs on $host" host_runs $host "$name"
	done
	t pmig_on alpha wait "$name"
	pmig_on alpha logs "$name" >"$name.got"
	same "$name.want" "$name.got"
}
moved bc "$T/pmig/bc/bc" "$T/long.bc"
moved dc "$T/pmig/dc/dc" "$T/long.dc"
