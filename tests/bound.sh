#!/bin/bash
# bound.sh WORD... [-- ARGUMENT...]: builds a program by `pmig-cc --safepoints=auto WORD...` and says how many instructions of its own
# it executes at most between two polls, and how often it polls. It is run once under valgrind, about a hundred times slower.
#
#   tests/bound.sh -O2 tests/capture/far.c
#   tests/bound.sh -O2 samples/index.c -- /usr/share/dict/words /dev/null
set -euo pipefail
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BIN=${PMIG_BUILD:-$SOURCE/build/dev}/bin
dir=$(mktemp -d "${TMPDIR:-/tmp}/pmig-bound.XXXXXX")
trap 'rm -rf "$dir"' EXIT
program=$dir/program
words=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do words+=("$1") && shift; done
shift || true

# Where the poll flag lies from the thread pointer, as objdump writes it.
flag() {
	local value size align
	value=$(nm "$program" | awk '$3 == "pmig_poll" { print $1 }')
	read -r size align < <(readelf -lW "$program" | awk '$1 == "TLS" { print $6, $NF }')
	printf '0x%x' $((0x$value - (size + align - 1) / align * align))
}

# What tests/bound.c reads: the instrumented program is one object in the linker's map; what pmig has compiled into it counts as the C
# library does.
places() {
	echo "start $(nm "$program" | awk '$3 == "pmig_main" { print $1 }')"
	awk '/^ *\./ { text = /^ *\.text/ }
		text && /program\.o$/ { for (i = 1; i < NF; i++) if ($i ~ /^0x/) { print "own", $i, $(i + 1); break } }' "$program.map"
	nm -S "$program" | awk 'NF == 4 && $3 ~ /^[tT]$/ && $4 ~ /^pmig_/ && $4 !~ /^pmig_main/ { print "other", $1, $2 }'
	objdump -d --no-show-raw-insn "$program" | grep -F "%fs:$(flag)" | sed 's/^ *\([0-9a-f]*\):.*/poll \1/'
}

cc -std=gnu17 -O2 "$SOURCE/tests/bound.c" -o "$dir/bound"
"$BIN/pmig-cc" --safepoints=auto "-Wl,-Map=$program.map" "${words[@]}" -o "$program"
places >"$dir/places"
exec 9> >("$dir/bound" "$dir/places" >"$dir/result")
reader=$!
valgrind --tool=lackey --trace-mem=yes --log-fd=9 "$program" "$@" >"$dir/output" 2>&1
exec 9>&-
wait "$reader"
cat "$dir/result"
