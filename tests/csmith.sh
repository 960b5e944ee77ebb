#!/bin/bash
# csmith.sh FROM TO [DIRECTORY]: random C programs (csmith), one for each seed from FROM to TO: built by clang -O2 and by
# pmig-cc; the latter is stopped, written to an image and continued in a fresh process at every k-th safe point, for
# several k; all must print the same. What fails is kept in DIRECTORY. The last line counts.
#
#   tests/csmith.sh 1 50            what the test suite does, in pieces
#   tests/csmith.sh 1000 9000       a long run
set -euo pipefail
from=$1 to=$2 dir=${3:-$(mktemp -d /tmp/pmig-csmith.XXXXXX)}
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BIN=${PMIG_BUILD:-$SOURCE/build/dev}/bin
INCLUDE=$(dirname "$(dpkg -L libcsmith-dev | grep '/csmith\.h$')")
INTERVALS=${INTERVALS:-1:40 2:20 7:20 31:20 199:20}
mkdir -p "$dir"
cd "$dir" # csmith writes a file into the working directory
dir=$PWD
programs=0 runs=0 restores=0 refusals=0 failures=0

# A program that does not end by itself within a moment is of no use; nor one that ends at -O2 alone, since it has a loop without
# end that does nothing, which a compiler may leave out.
reference() {
	csmith --seed "$1" --no-argc --max-funcs $((4 + $1 % 5)) >"$2.c" 2>/dev/null && clang-19 -O2 -w -I"$INCLUDE" "$2.c" -o "$2.plain" &&
		timeout 2 "$2.plain" >"$2.want" 2>/dev/null && clang-19 -O0 -w -I"$INCLUDE" "$2.c" -o "$2.plain" &&
		timeout 4 "$2.plain" 2>/dev/null | cmp -s - "$2.want"
}

for ((seed = from; seed <= to; seed++)); do
	p=$dir/$seed
	reference "$seed" "$p" || { rm -f "$p".* && continue; }
	case $((seed % 4)) in 1) where=entry ;; 2) where=loops ;; *) where=auto ;; esac
	level=$((seed % 7 < 4 ? 2 : seed % 4)) debug=()
	if ((seed % 5 == 0)); then debug=(-g); fi
	if ! "$BIN/pmig-cc" "-O$level" "${debug[@]}" -w -I"$INCLUDE" "--safepoints=$where" "$p.c" -o "$p.pmig" 2>"$p.log"; then
		echo "seed $seed: does not build at -O$level with --safepoints=$where: $(head -n 1 "$p.log")"
		failures=$((failures + 1))
		continue
	fi
	programs=$((programs + 1)) failed=''
	for every in $INTERVALS; do
		status=0
		PMIG_EVERY=$every PMIG_EVERY_IMAGE=$p.image PMIG_EVERY_COUNT=$p.count timeout 120 "$p.pmig" >"$p.got" 2>"$p.err" || status=$?
		runs=$((runs + 1))
		[ ! -s "$p.count" ] || restores=$((restores + $(cat "$p.count")))
		rm -f "$p.count"
		# A function that no safe point is in keeps its locals on the native stack; csmith likes to leave their addresses behind.
		if [ $status -eq 125 ] && grep -q 'points to the native stack' "$p.err"; then
			refusals=$((refusals + 1))
			continue
		fi
		if [ $status -ne 0 ] || ! cmp -s "$p.want" "$p.got" || [ -s "$p.err" ]; then
			echo "seed $seed: -O$level --safepoints=$where PMIG_EVERY=$every: exit status $status, $(head -n 1 "$p.err")"
			failures=$((failures + 1)) failed=1
		fi
	done
	[ -n "$failed" ] || rm -f "$p".*
done
echo "csmith: $programs programs, $runs runs, $restores restores, $refusals refusals, $failures failures"
[ $failures -eq 0 ]
