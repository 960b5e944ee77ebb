#!/bin/bash
# shellcheck source=lib.sh
# A real image with something of every sort in it, read with every truncation and with every bit flipped (of bulk data every 61st; tests/flips.c
# has the whole): each is refused, with section and offset. And the image that is whole goes on.
. "$(dirname "$0")/lib.sh"

"${CC:-cc}" -O2 -std=gnu17 -D_GNU_SOURCE= -DPMIG_INSIDE -I"$PMIG_SOURCE" -I"$PMIG_SOURCE/runtime" -I"$PMIG_SOURCE/runtime/include" \
	"$PMIG_SOURCE"/{tests/flips.c,runtime/base/error.c,runtime/image/image_{format,hash,map,read}.c} -lxxhash -o "$T/flips" ||
	fail "flips cannot be built"
mkdir "$T/directory"
WHOLE=("$BIN/tests/whole" "$T/directory" 40)
PMIG_EVERY=20:1 PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count "${WHOLE[@]}" </dev/null >"$T/out"
check "an image was made" test "$(cat "$T/count")" = 1
for section in program streams resources clocks frames globals layout memory mappings end; do
	check "it has $section" grep -q "^$section " <("$BIN/pmig" image show "$T/image")
done
"$T/flips" "$T/image" >"$T/flipped" || fail "an image that is damaged is not refused as it should be"
check "$(cat "$T/flipped")" grep -qE '^[0-9]{6,} bits flipped, [0-9]{5,} times cut off: ' "$T/flipped"
PMIG_EVERY=1:0 PMIG_EVERY_IMAGE=$T/unused PMIG_EVERY_RESTORE=3 "${WHOLE[@]}" 3<"$T/image" </dev/null >"$T/got"
check "the whole image goes on" test "$(cat "$T/got")" = "all is what it was"
