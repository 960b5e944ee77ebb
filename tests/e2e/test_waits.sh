#!/bin/bash
# shellcheck source=lib.sh
# Calls that wait behave as without pmig: undisturbed, while another process asks for a stop all the time, and with a restore in a fresh
# process before each. scanf(), which reads by itself there, reads what libc reads.
. "$(dirname "$0")/lib.sh"

# prints FILE CMD...: CMD succeeds, and prints what then is in FILE.
prints() {
	local out=$1
	shift
	"$@" >"$out" || fail "$*: $(cat "$out")"
	echo "ok - $*"
}
t clang-19 -w -D_GNU_SOURCE -O2 "$PMIG_SOURCE/tests/capture/waits.c" -o "$T/waits-plain"
export TMPDIR=$T
prints "$T/want" timeout 30 "$T/waits-plain"
for level in 0 2; do
	t "$BIN/pmig-cc" "-O$level" -w -D_GNU_SOURCE "$PMIG_SOURCE/tests/capture/waits.c" -o "$T/waits"
	prints "$T/got" timeout 30 "$T/waits"
	prints "$T/got" timeout 60 "$T/waits" storm
	same "$T/want" "$T/got"
done
quiet=(sleep pause pipe poll epoll socket lock)
prints "$T/want" "$T/waits-plain" "${quiet[@]}"
prints "$T/got" env PMIG_EVERY=1 PMIG_EVERY_IMAGE="$T/image" PMIG_EVERY_COUNT="$T/count" timeout 30 "$T/waits" "${quiet[@]}"
same "$T/want" "$T/got"
check "$(cat "$T/count") restores" test "$(cat "$T/count")" -gt 20

t "$BIN/pmig-cc" -O2 -w -D_GNU_SOURCE "$PMIG_SOURCE/tests/capture/scans.c" -o "$T/scans"
t "$T/scans" 1 5000
t env PMIG_EVERY=1 PMIG_EVERY_IMAGE="$T/image" timeout 30 "$T/scans" 2 50

# What came of a stop in a wait is said by the next safe point of that thread, once.
t "$BIN/pmig-cc" -O2 "$PMIG_SOURCE/tests/capture/told.c" -o "$T/told"
told=('0 0 0' '2 0 0' '2 0 0' '2 0 0' '0 2 0' '0 0 2' '0 0 2')
for k in 0 1 2 3 4 5 6; do
	PMIG_EVERY=$((k == 0 ? 1 : k)):$((k > 0)) PMIG_EVERY_IMAGE=$T/image "$T/told" >"$T/got"
	check "stopped at safe point $k: $(cat "$T/got")" test "$(cat "$T/got")" = "${told[k]}"
done
