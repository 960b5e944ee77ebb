#!/bin/bash
# shellcheck source=lib.sh
# An image that is damaged, cut off, of another program or of another version: nothing of it runs, and one sentence says why.
. "$(dirname "$0")/lib.sh"

# saved PROGRAM ARGS...: stops at the 60th safe point, leaves the image of that moment, and goes on to the end.
saved() {
	PMIG_EVERY=60:1 PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count "$@" >"$T/whole" </dev/null
	check "$(basename "$1") was saved once" test "$(cat "$T/count")" = 1
}

# continued PROGRAM ARGS...: from $T/try.
continued() {
	PMIG_EVERY=1:0 PMIG_EVERY_IMAGE=$T/unused PMIG_EVERY_RESTORE=3 "$@" 3<"$T/try" >"$T/got" 2>"$T/err" </dev/null
}

# refused WHAT PATTERN PROGRAM ARGS...: $T/try is not taken, in one line, and not one instruction of the program has run.
refused() {
	local what=$1 pattern=$2 status=0
	shift 2
	continued "$@" || status=$?
	[ $status -eq 125 ] || fail "$what: exit status $status: $(cat "$T/err")"
	[ "$(wc -l <"$T/err")" -eq 1 ] && grep -qE "^pmig: restore: image (queens|index): $pattern" "$T/err" || fail "$what: it says: $(cat "$T/err")"
	[ ! -s "$T/got" ] || fail "$what: it ran: $(cat "$T/got")"
}

QUEENS=("$BIN/samples/queens" 6)
saved "${QUEENS[@]}"
cp "$T/image" "$T/try"
t continued "${QUEENS[@]}"
check "an image that is whole goes on to the end of the output" test "$(tail -n "$(wc -l <"$T/got")" "$T/whole")" = "$(cat "$T/got")"
check "and not from its beginning" test "$(wc -l <"$T/got")" -lt "$(wc -l <"$T/whole")"
size=$(stat -c %s "$T/image")

# --- any flipped bit
flip() {
	local byte
	byte=$(od -An -tu1 -j "$1" -N 1 "$T/try")
	printf '%b' "\\x$(printf %x $((byte ^ 1 << $1 % 8)))" | dd of="$T/try" bs=1 seek="$1" conv=notrunc status=none
}

# places: NAME OFFSET, a line for each byte that is tried.
places() {
	"$BIN/pmig" image show --json "$T/image" | jq -r --argjson size "$size" '
		def step($name; $from; $to; $by): range($from; $to; $by) | "\($name) \(.)";
		step("header"; 0; 512; 3),
		(.sections as $s | range($s | length) | . as $i | $s[$i] | (.offset + 64) as $payload | ($payload + .payload) as $behind |
			(if $i + 1 < ($s | length) then $s[$i + 1].offset else $size end) as $next |
			step("header-of-\(.section)"; .offset; $payload; 7),
			(if .payload > 0 then step(.section; $payload; $behind; ([.payload / 5 | floor, 1] | max)), "\(.section) \($behind - 1)" else empty end),
			(if .data > 0 then (($behind + 4095) / 4096 | floor * 4096) as $data |
				step("padding"; $behind; $data; 501), "padding \($data - 1)",
				step("data-of-\(.section)"; $data; $data + .data; 4093),
				step("hashes-of-\(.section)"; $data + .data; $next; 3)
			else step("padding"; $behind; $next; 1) end))'
}
places >"$T/places"
while read -r name at; do
	flip "$at"
	refused "$name, byte $at" '' "${QUEENS[@]}"
	echo "$name, byte $at: $(cat "$T/err")" >>"$T/sentences"
	flip "$at"
done <"$T/places"
t cmp "$T/image" "$T/try"
for name in header header-of-frames frames header-of-globals header-of-memory data-of-memory hashes-of-memory padding; do
	check "a bit of $name: $(grep -m1 "^$name," "$T/sentences" | sed 's/.*restore: //')" grep -q "^$name," "$T/sentences"
done
echo "ok - $(wc -l <"$T/places") places in all"

# --- cut off, or too long
for at in 0 1 100 511 512 $("$BIN/pmig" image show --json "$T/image" | jq -r '.sections[] | .offset, .offset + 63, .offset + 64') \
	$((size / 2)) $((size - 1)); do
	[ "$at" -lt "$size" ] || continue
	head -c "$at" "$T/image" >"$T/try"
	refused "cut off at $at" '' "${QUEENS[@]}"
done
echo "ok - cut off: $(sed 's/.*restore: //' "$T/err")"
cp "$T/image" "$T/try"
echo >>"$T/try"
refused "one byte more" '' "${QUEENS[@]}"
echo "ok - one byte more: $(sed 's/.*restore: //' "$T/err")"

# --- of another program, of another build of it, of another format
cp "$T/image" "$T/try"
refused "of another program" 'it was made by another executable' "$BIN/samples/index" x y
echo "ok - another program: $(sed 's/.*restore: //' "$T/err")"
sed 's/ld ways/ld WAYS/' "$PMIG_SOURCE/samples/queens.c" >"$T/queens.c"
t "$BIN/pmig-cc" -O2 "$T/queens.c" -o "$T/queens"
refused "of another build" 'it was made by another executable' "$T/queens" 6
cat >"$T/reseal.c" <<'END_C'
/* Makes the image on standard input one of format 2, with the right hash of its header. */
#include <stdio.h>
#include <string.h>
#include <xxhash.h>
int main(void)
{
	static unsigned char header[512];
	if (fread(header, 1, sizeof header, stdin) != sizeof header)
		return 1;
	header[8] = 2;
	XXH64_hash_t hash = XXH3_64bits(header, 504);
	memcpy(header + 504, &hash, sizeof hash);
	fwrite(header, 1, sizeof header, stdout);
	for (int c; (c = getchar()) != EOF;)
		putchar(c);
	return 0;
}
END_C
t "${CC:-cc}" "$T/reseal.c" -o "$T/reseal" -lxxhash
"$T/reseal" <"$T/image" >"$T/try"
refused "of another format" '.*version 2' "${QUEENS[@]}"
echo "ok - another format: $(sed 's/.*restore: //' "$T/err")"
printf 'no image at all' >"$T/try"
refused "a text" '.*' "${QUEENS[@]}"
echo "ok - a text: $(sed 's/.*restore: //' "$T/err")"
expect 3 "$BIN/pmig" image show "$T/try"
says 'pmig image: '

# --- the same through the verbs: refused with 3, nothing is touched, and the image that is whole goes on to the end
export PMIG_STATE=$T/state
restart() { "$BIN/pmig" restart "$@" >"$T/got" </dev/null; }
not_restarted() {
	expect 3 restart "$@"
	says "^pmig: restart: "
	check "it says one thing, and nothing ran" test "$(wc -l <"$T/stderr") $(wc -c <"$T/got")" = "1 0"
	check "no file has come or gone" test "$(files)" = "$before"
}
"$BIN/samples/queens" 13 >"$T/undisturbed"
t "$BIN/pmig" run -d --name queens -- "$BIN/samples/queens" 13
check "it runs" timeout 20 grep -qm1 row < <(exec "$BIN/pmig" logs -f queens)
t "$BIN/pmig" checkpoint --stop queens -o "$T/queens.image"
files() { find "$T/state" -path '*/image/*' -o -path '*/spool*' -o -path '*/transit/*' | sort; }
before=$(files)
head -c 5000 "$T/queens.image" >"$T/try"
not_restarted "$T/try"
cp "$T/queens.image" "$T/try"
flip 20000
not_restarted "$T/try"
not_restarted "$T/queens.image" "$T/queens"
not_restarted --clone --name other "$T/queens.image" "$BIN/samples/index"
t restart "$T/queens.image"
check "the image that is whole goes on to the right end" test "$(tail -n 1 "$T/got")" = "$(tail -n 1 "$T/undisturbed")"
