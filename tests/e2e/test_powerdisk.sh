#!/bin/bash
# shellcheck source=lib.sh
# The disks that forget, on which the matrix of faults runs: what was synced is there when the power is back, and nothing else is.
. "$(dirname "$0")/lib.sh"
hosts_begin DISKS=power

cycle() {
	hosts power "$@"
	t hosts boot "$1"
}

# keeps FILE WORDS: and has these words in it; loses FILE: is not there.
keeps() { check "$1 is there and whole" test "$(on beta cat "$1" 2>/dev/null)" = "$2"; }
loses() { expect 1 on beta test -e "$1"; }

on beta sh -c 'mkdir d && sync . d; echo one >kept; sync kept .; echo old >changed; sync changed .
	echo whole >d/part; sync d/part; mv d/part d/name
	echo new >changed; echo two >lost'
cycle beta
keeps kept one
keeps changed old
loses lost
loses d/name # the rename was in the directory, which nobody synced
keeps d/part whole

on beta sh -c 'mv d/part d/name && sync d'
cycle beta
keeps d/name whole

# A plain kill is no power failure: the kernel still has what was written.
on beta sh -c 'echo three >written'
hosts kill beta
t hosts boot beta
keeps written three

# Torn: some sectors are new, some are not, which ones depends on the seed alone.
sectors() { on beta sh -c 'tr -d "\n" <big | fold -w 512 | cut -c1 | tr -d "\n"'; }
fill() { on beta sh -c 'head -c 65536 /dev/zero | tr "\0" '"$1"' | dd of=big conv=notrunc status=none'; }
fill a
on beta sync big .
fill b
on beta sh -c 'dd if=big of=big conv=notrunc oflag=direct bs=64k status=none' # at the disk, and not synced there
hosts power beta 7
t hosts boot beta
first=$(sectors)
check "of 128 sectors $(tr -cd b <<<"$first" | wc -c) are new" test "${#first}" -eq 128 -a "$(tr -cd a <<<"$first" | wc -c)" -gt 20 -a \
	"$(tr -cd b <<<"$first" | wc -c)" -gt 20

on beta sh -c 'head -c 1048576 /dev/zero >space; sync space .'
hosts full beta 65536
expect 1 on beta dd if=/dev/zero of=more bs=64k count=4 status=none
says 'No space left on device'
hosts full beta off

# A disk that lies about it loses what was synced: so it is the sync that keeps it.
hosts disk beta lie
on beta sh -c 'echo four >believed; sync believed .'
cycle beta
loses believed
keeps kept one
