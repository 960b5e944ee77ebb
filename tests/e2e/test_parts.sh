#!/bin/bash
# shellcheck source=lib.sh
# Code that is generated in several parts (pmig-cc --parts): the same program as in one, restored at every safe point; names that were
# local stay so, also beside those of others; every link gives the same executable.
. "$(dirname "$0")/lib.sh"
cd "$T"
cc=(timeout 100 "$BIN/pmig-cc" -w -D_GNU_SOURCE -O2)
CAPTURE=$PMIG_SOURCE/tests/capture

every() {
	PMIG_EVERY=1 PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count timeout 60 "./$1" >"$1.got" 2>"$1.err" || fail "$1: $(cat "$1.err")"
	check "$1 is restored $(cat count) times and prints what clang's prints" cmp "$1.want" "$1.got"
}

for name in jumps variadic values tails; do
	clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include" "$CAPTURE/$name.c" -o "$name.plain" -latomic -lm
	"./$name.plain" >"$name.want"
	"${cc[@]}" --parts=5 "$CAPTURE/$name.c" -o "$name" -latomic -lm || fail "$name is not linked in parts"
	every "$name"
done
[ "$(nm values | grep -c ' __LLVM_StackMaps$')" -gt 1 ] || fail "values has been made in one part"

# The foreign object has another helper(), which is not the program's; both are called.
cat >foreign.c <<'END'
int helper(int x) { return x + 1000; }
int foreign(int x) { return helper(x); }
END
cat >own.c <<'END'
#include <pmig/pmig.h>
#include <stdio.h>
int foreign(int);
static int calls;
static const char *const words[] = {"none", "one", "two"};
static __attribute__((noinline)) int helper(int x) { pmig_safepoint(); calls++; return x * 2; }
static __attribute__((noinline)) int other(int x) { return helper(x) + foreign(x) + calls; }
static int (*volatile choose)(int) = other;
int main(void)
{
	for (int i = 0; i < 3; i++)
		printf("%s %d %d\n", words[i], choose(i), calls);
}
END
gcc -c foreign.c
"${cc[@]}" --parts=4 own.c foreign.o -o own 2>>link.log
printf '%s\n' 'none 1001 1' 'one 1005 2' 'two 1009 3' >own.want
every own
check "helper() of the program is local, that of others is not" test "$(nm own | awk '$3 == "helper" { print $2 }' | sort | tr '\n' ' ')" = "T t "
"${cc[@]}" --parts=4 own.c foreign.o -o again 2>>link.log
same own again
expect 1 "$BIN/pmig-cc" --parts=9 own.c -o own
says '--parts=9: it must be 0 to 8'
