#!/bin/bash
# shellcheck source=lib.sh
# Libraries that a target cannot get: one that nobody has any more, and one that is there and is older than what the program was linked with.
# Both are said by name before the program is stopped.
. "$(dirname "$0")/lib.sh"
hosts_begin

mkdir "$T/new" "$T/old"
echo 'int shared(void) { return 1; } int added(void) { return 2; }' >"$T/library.c"
echo 'VERSION_1 { global: shared; }; VERSION_2 { global: added; } VERSION_1;' >"$T/new.map"
echo 'VERSION_1 { global: shared; };' >"$T/old.map"
for age in new old; do
	t gcc -shared -fPIC -Wl,-soname,libaged.so -Wl,--version-script="$T/$age.map" "$T/library.c" -o "$T/$age/libaged.so"
done
cat >"$T/uses.c" <<'END'
#include <pmig/pmig.h>
#include <stdio.h>
int added(void);
int main(void)
{
	printf("%d\n", added());
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	return 0;
}
END
t "$BIN/pmig-cc" -O2 -w "$T/uses.c" -L"$T/new" -laged -Wl,-rpath,/home/mig/lib -o "$T/uses"

# put HOST FILE NAME: FILE becomes NAME in the home of HOST's user.
put() { on "$1" sh -c 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod 755 "$1"' sh "$3" <"$2"; }

# refused WORDS: before it is stopped; it runs on.
refused() {
	expect 3 pmig_on alpha move uses beta
	says "$1"
	check "nothing is left at beta" test -z "$(left_on beta)"
}

put alpha "$T/new/libaged.so" lib/libaged.so
put alpha "$T/uses" uses
mkfifo "$T/input"
exec 7<>"$T/input"
INPUT=$T/input start alpha uses /home/mig/uses
await "$T/uses.out" '^2$'

put beta "$T/old/libaged.so" lib/libaged.so
refused 'beta cannot run uses: its libraries are older: .*VERSION_2'

on beta rm lib/libaged.so
on alpha rm lib/libaged.so # the program has it mapped, and nobody can open it
refused 'beta has no libaged\.so, which uses needs, and neither has this host'

put alpha "$T/new/libaged.so" lib/libaged.so
t pmig_on alpha move uses beta
t pmig_on alpha kill uses
await "$T/uses.status" '^status'
for host in alpha beta; do nothing_on $host; done
