#!/bin/bash
# coverage.sh [BUILD [TEST...]]: how many lines of runtime, registry and transport the unit tests reach (by gcov), and which files they reach least.
# Builds in BUILD (build/coverage); TEST: a name for `ctest -R`, all unit tests if none. A process that ends by SIGKILL leaves no counters, so what only
# end-to-end tests reach does not count: the figure is a lower bound.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/coverage}
shift || true
cmake --preset dev -B "$build" -DCMAKE_C_FLAGS="--coverage -O0 -fprofile-update=atomic" >/dev/null
cmake --build "$build" --target unit_core -j "${JOBS:-2}" | tail -n 1
find "$build" -name '*.gcda' -delete
(cd "$build" && ctest -L core -R "${1:-unit/}" -j "${JOBS:-2}" 2>&1 | tail -n 8) || true
find "$build" -path '*/pmig_*.dir/*' -name '*.gcda' -print0 |
	(cd "$build" && xargs -0 -r -n 1 gcov -n -r -s "$OLDPWD" 2>/dev/null) |
	awk -F"'" -v top="$PWD/" '/^File / { file = $2; sub(top, "", file); next }
		/^Lines executed:/ && file ~ /^(runtime|registry|transport)\/.*\.c$/ {
			split($0, part, /[:%]| of /); lines = part[4]; hit = part[2] * lines / 100
			if (!(file in all) || hit > got[file]) { all[file] = lines; got[file] = hit }
			file = "" }
		END { for (f in all) { split(f, p, "/"); n[p[1]] += all[f]; h[p[1]] += got[f]; printf "%5.1f %% of %4d  %s\n", 100 * got[f] / all[f], all[f], f | "sort -n" }
			close("sort -n")
			for (f in n) printf "%s: %.1f %% of %d lines\n", f, 100 * h[f] / n[f], n[f] }'
