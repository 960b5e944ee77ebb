#!/bin/bash
# GNU bc and dc from Debian's source package, built by their own configure and make, compute the same with CC=pmig-cc as
# with clang, also when they are saved, ended and continued in a fresh process again and again.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T"
apt-get source -qq bc >apt.log 2>&1 || skip "apt-get source bc: $(tail -n 1 apt.log)"
cat >sum.bc <<'END_BC'
define f(n) { if (n < 2) return (n); return (f(n - 1) + f(n - 2)); }
scale = 60
4 * a(1)
e(1)
f(15)
2 ^ 1000 % 1000000007
END_BC
printf '60k 2v p 10 15 ^ 7 | p [la1+sa la 5 >b]sb 0sa lbx la p 0k 100 3 7 ^ p f\n' >sum.dc

# The sources are older than C99, and newer than the makefiles that were generated from them.
build() {
	cp -a bc-*/ "$1"
	(
		cd "$1"
		./configure CC="$2" >configure.log 2>&1 || exit
		make AUTOMAKE=: ACLOCAL=: AUTOCONF=: AUTOHEADER=: MAKEINFO=: \
			CFLAGS="-O2 -w -Wno-implicit-function-declaration" >make.log 2>&1 || { tail make.log && exit 1; }
		bc/bc -l ../sum.bc </dev/null >../"$1.bc.txt" || exit
		dc/dc ../sum.dc </dev/null >../"$1.dc.txt" 2>&1
	)
}
t build clang clang-19
t build pmig "$BIN/pmig-cc"
check "they are configured alike" cmp clang/config.h pmig/config.h
same clang.bc.txt pmig.bc.txt
same clang.dc.txt pmig.dc.txt
check "pi is right" grep -q '^3.1415926535897932384626433832795028841971693993751058209749' pmig.bc.txt

# Restored at every so many rounds of any loop.
t build loops "$BIN/pmig-cc --safepoints=loops"
same clang.bc.txt loops.bc.txt
same clang.dc.txt loops.dc.txt
restored() { # restored INTERVAL NAME CMD...: at least ten times, with the same output
	local interval=$1 name=$2 status=0
	shift 2
	PMIG_EVERY=$interval:40 PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count timeout 120 "$@" </dev/null >restored.txt 2>&1 || status=$?
	[ $status -eq 0 ] || fail "$*: exit status $status: $(tail -n 3 restored.txt)"
	same "clang.$name.txt" restored.txt
	check "$name was restored $(cat count) times" test "$(cat count)" -ge 10
}
for interval in 1 97 1000; do
	restored $interval dc loops/dc/dc sum.dc
	restored $interval bc loops/bc/bc -l sum.bc
done
