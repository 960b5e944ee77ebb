#!/bin/bash
# shellcheck source=lib.sh
# Output that nobody has read yet: the program goes on to another host and leaves it behind, is not taken back before it has been read, and
# each line of it is read once.
. "$(dirname "$0")/lib.sh"
hosts_begin

mkfifo "$T/input"
exec 7<>"$T/input"
cat >"$T/writes.c" <<'END'
#include <pmig/pmig.h>
#include <stdio.h>
int main(void)
{
	for (int i = 0; i < 30000; i++)
		printf("line %5d\n", i);
	fflush(stdout);
	fprintf(stderr, "written\n");
	while (getchar() != '\n')
		continue;
	return 0;
}
END
t "$BIN/pmig-cc" -O2 "$T/writes.c" -o "$T/writes"
on alpha sh -c 'cat >writes && chmod 755 writes' <"$T/writes"
mkfifo "$T/slow"
exec 6<>"$T/slow"
on alpha "$BIN/pmig" run --name slow -- ./writes <"$T/input" >"$T/slow" 2>"$T/slow.err" &
slow=$!
await "$T/slow.err" '^written$'
t pmig_on alpha move slow beta
expect 3 pmig_on alpha move slow alpha
says 'slow was on alpha before, and its output from there has not been read yet'
cat <&6 >"$T/slow.out" &
reader=$!
await "$T/slow.out" '^line 29999$'
# what has been read is acknowledged a moment later
until pmig_on alpha move slow alpha 2>"$T/stderr"; do says 'its output from there has not been read yet'; done
echo >&7
t wait $slow
kill $reader
check "each line came once" cmp "$T/slow.out" <(seq -f 'line %5.0f' 0 29999)
for host in alpha beta; do nothing_on $host; done
