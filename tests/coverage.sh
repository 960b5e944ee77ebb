#!/bin/bash
# coverage.sh [--lines] [BUILD [TEST...]]: how many lines of runtime, registry and transport the tests reach, file by file, the least first, and all together.
# Builds with clang in BUILD (build/coverage). TEST: names for `ctest -R`; without any all unit tests run, and what an earlier run had reached is forgotten.
# Counters are mapped files in /dev/pmig-coverage, which all test hosts see: what a process that is killed had reached counts, and what is reached at a
# fault point counts for the side that reached it.
#   --lines   instead: the lines that no test has reached, as FILE:LINE: text; runs nothing
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
lines=
if [ "${1:-}" = --lines ]; then lines=1 && shift; fi
build=${1:-$top/build/coverage}
shift || true
counts=/dev/pmig-coverage
merged=$build/coverage.profdata

report() {
	local objects=() l
	find "$counts" -name '*.profraw' >"$build/coverage.list"
	llvm-profdata-19 merge -sparse --failure-mode=all -f "$build/coverage.list" -o "$merged"
	for l in "$build"/lib/libpmig.o "$build"/lib/libpmig_{transport,ssh}.a "$build"/bin/{pmig,unit/test_*}; do objects+=(-object "$l"); done
	llvm-cov-19 "$@" -instr-profile "$merged" "${objects[@]:1}" -sources "$top"/{runtime,registry,transport}
}

if [ -n "$lines" ]; then
	report show -show-line-counts | awk -F'|' -v top="$top/" '
		/^\// { file = $0; sub(top, "", file); sub(/:$/, "", file); next }
		$2 ~ /^ *0$/ { gsub(/ /, "", $1); text = $0; sub(/^[^|]*\|[^|]*\|/, "", text); print file ":" $1 ": " text }'
	exit
fi
mkdir -p "$counts" && chmod 1777 "$counts"
cmake -G Ninja -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang-19 -DCMAKE_C_FLAGS_RELWITHDEBINFO="-O1 -g" \
	-DPMIG_WERROR=OFF -DPMIG_COVERAGE=$counts >/dev/null
ninja -C "$build" >"$build/coverage.log" || { tail "$build/coverage.log" && exit 1; }
if [ $# -eq 0 ]; then
	rm -f "$counts"/*.profraw
	set -- '^unit/'
fi
for test; do (cd "$build" && ctest -R "$test" -j "${JOBS:-2}" 2>&1 | tail -n 12) || true; done
report export -summary-only | jq -r --arg top "$top/" '.data[0].files[] | [(.filename | ltrimstr($top)), .summary.lines.covered, .summary.lines.count] | @tsv' |
	awk -F'\t' '$1 ~ /\.c$/ { printf "%5.1f %% of %4d  %s\n", ($3 > 0 ? 100 * $2 / $3 : 100), $3, $1 | "sort -n"
			split($1, p, "/"); n[p[1]] += $3; h[p[1]] += $2 }
		END { close("sort -n"); for (f in n) printf "%s: %.1f %% of %d lines\n", f, 100 * h[f] / n[f], n[f] }'
