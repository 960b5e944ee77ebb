#!/bin/bash
# pmig-cc compiles and links as a C compiler does: files, archives, tools, messages. Nothing is moved here.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cc=$BIN/pmig-cc
cd "$T"
mkdir scratch
export TMPDIR=$T/scratch

# prints WORDS WANTED CMD...: what it prints on standard output.
prints() {
	local words=$1 wanted=$2 got
	shift 2
	got=$("$@") || true
	[ "$got" = "$wanted" ] || fail "$words: '$got', not '$wanted'"
	echo "ok - $words"
}

# Several files, the same static names in two of them, an archive of which one member is wanted.
cat >main.c <<'END_C'
#include <pmig/pmig.h>

int wanted(int n);
static int count = 3;
static int next(void)
{
	return ++count;
}
int given = 7;
int tentative;

int main(int argc, char **argv)
{
	(void)argv;
	pmig_safepoint();
	printf("%d %d %d %d\n", wanted(argc), next(), given, tentative);
	return 0;
}
END_C
cat >wanted.c <<'END_C'
static int count = 40;
static int next(void)
{
	return ++count;
}
int wanted(int n)
{
	return n + next();
}
END_C
cat >unwanted.c <<'END_C'
extern int missing_everywhere(void);
int unwanted(void)
{
	return missing_everywhere();
}
END_C
t "$cc" -O2 -c wanted.c unwanted.c
t ar cr libparts.a wanted.o unwanted.o
t ranlib libparts.a
prints "nm shows what is defined and what is missing" "missing_everywhere unwanted" \
	sh -c 'nm unwanted.o | grep -v pmig_ | sed "s/.* //" | sort | xargs'
check "the archive's index has the names" sh -c 'nm -s libparts.a | grep -q "^wanted in wanted.o"'
check "data has its size" sh -c '"$1" -c main.c && nm -S main.o | grep -q "0000000000000004 D given"' sh "$cc"
for options in "libparts.a" "-L. -lparts" "-L . -l parts" "-L. -l:libparts.a"; do
	# shellcheck disable=SC2086
	t "$cc" -O2 main.c $options -o program
	prints "it runs" "42 4 7 0" ./program
done
echo 'int missing_everywhere(void) { return 1; }' >missing.c
t "$cc" main.c missing.c -Wl,--whole-archive libparts.a -Wl,--no-whole-archive -o program
prints "whole archives" "42 4 7 0" ./program
rm libparts.a
t ar crT libparts.a wanted.o unwanted.o
t "$cc" main.o libparts.a -o program
prints "thin archives" "42 4 7 0" ./program

# Objects joined by the linker, by us and by itself.
t "$cc" -r main.o wanted.o -o joined.o
t "$cc" joined.o -o program
prints "pmig-cc -r" "42 4 7 0" ./program
t ld -r main.o wanted.o -o joined.o
t "$cc" joined.o -o program
prints "ld -r" "42 4 7 0" ./program

# Nobody else may link them.
expect 1 gcc main.o wanted.o -o program
says pmig_object_must_be_linked_by_pmig_cc
echo 'int data = 1;' >data.c
t "$cc" -c data.c
echo 'int main(void) { return 0; }' >nothing.c
expect 1 gcc nothing.c data.o -o program
says pmig_object_must_be_linked_by_pmig_cc

# Other compilers' objects go along as they are, and may call back.
echo 'int callback(int); int foreign(int n) { return callback(n) + 1; }' >foreign.c
t gcc -O2 -c foreign.c
cat >caller.c <<'END_C'
#include <stdio.h>
int foreign(int);
int callback(int n)
{
	return n * 2;
}
int main(void)
{
	printf("%d\n", foreign(20));
	return 0;
}
END_C
t "$cc" -O2 caller.c foreign.o -o program
prints "a foreign object calls back" 41 ./program
printf '\t.globl answer\nanswer:\n\tmov $42, %%eax\n\tret\n' >answer.s
echo 'int answer(void); int main(void) { return answer(); }' >ask.c
t "$cc" ask.c answer.s -o program
expect 42 ./program

# What is referred to from outside stays, the rest is the program's own.
cat >visible.c <<'END_C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
int from_library(void);
int for_library(void)
{
	return 1;
}
int for_assembly(void)
{
	return 2;
}
int for_nobody(void)
{
	return 3;
}
int for_dlsym(void)
{
	return 4;
}
int for_linker(void)
{
	return 5;
}
int through_linker(void);
struct row {
	int n;
};
struct row in_set __attribute__((section("rows"))) = {6};
extern struct row __start_rows[];
int common_with_foreign;
int foreign_adds(void);
char *secure_getenv(const char *name) /* libc has one too, and calls its own by another name */
{
	(void)name;
	return "mine";
}
int main(void)
{
	int n;
	__asm__("call for_assembly" : "=a"(n) : : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
	int (*found)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "for_dlsym");
	common_with_foreign++;
	printf("%d %d %d %d %d %d %s\n", from_library(), n, found != NULL ? found() : 0, through_linker(), __start_rows[0].n,
		foreign_adds(), secure_getenv("x"));
	return 0;
}
END_C
echo 'int for_library(void); int from_library(void) { return for_library() + 10; }' >library.c
echo 'int common_with_foreign __attribute__((common)); int foreign_adds(void) { return ++common_with_foreign; }' >common.c
t gcc -shared -fPIC library.c -o liblibrary.so
t gcc -fcommon -c common.c
t "$cc" -O2 -fcommon visible.c common.o -L. -llibrary -Wl,-rpath,"$T" -rdynamic \
	-Wl,--defsym=through_linker=for_linker -o program
prints "what others use is there" "11 2 4 5 6 2 mine" ./program
sed -i -e '/through_linker(void);/d' -e 's/through_linker()/5/' visible.c
t "$cc" -O2 -fcommon visible.c common.o -L. -llibrary -Wl,-rpath,"$T" -o program
prints "without -rdynamic a library's callback is" "11 2 0 5 6 2 mine" ./program
check "what nobody uses is gone" sh -c '! nm program | grep -e for_nobody -e for_dlsym'

# The kinds of symbols.
cat >kinds.c <<'END_C'
#include <stdio.h>
int tentative;
__attribute__((weak)) int weak(void)
{
	return 1;
}
int real(void)
{
	return 2;
}
extern int other(void) __attribute__((alias("real")));
__attribute__((weak)) extern int absent(void);
__attribute__((visibility("hidden"))) int hidden = 5;
__attribute__((section("special"), used)) static const int in_section = 6;
extern const int __start_special[];
static int started;
__thread int of_thread = 10;
__attribute__((constructor)) static void start(void)
{
	started = 7;
}
inline int inlined(void)
{
	return 8;
}
extern int inlined(void);
static int local_of_asm(void) __asm__("assembler_name");
__attribute__((noinline)) static int local_of_asm(void)
{
	return 9;
}
int main(void)
{
	printf("%d %d %d %d %d %d %d %d %d %d\n", tentative, weak(), other(), absent != NULL, hidden, __start_special[0], started,
		inlined(), local_of_asm(), of_thread);
	return 0;
}
END_C
echo 'int tentative; int weak(void) { return 3; } int other_file = 1;' >strong.c
for level in -O0 -O1 -O2 -O3 -Os -Oz -Og; do
	t "$cc" $level -fcommon kinds.c strong.c -o program
	prints "symbols of all kinds, $level" "0 3 2 0 5 6 7 8 9 10" ./program
done

# A link that succeeds says nothing.
"$cc" -O2 kinds.c strong.c -fcommon -o program 2>stderr
check "it says nothing" test ! -s stderr

# Messages are the linker's and the compiler's own.
expect 1 "$cc" main.o -o program
says 'undefined reference to .wanted.'
expect 1 "$cc" main.o main.c wanted.o -o program
says 'multiple definition of .main.'
expect 1 "$cc" main.o wanted.o -lnosuchlibrary -o program
says 'cannot find -lnosuchlibrary'
echo 'int main(void) { return undeclared; }' >wrong.c
expect 1 "$cc" -c wrong.c
says 'wrong.c:1:.*undeclared'
check "no object is left" test ! -e wrong.o
expect 1 "$cc" -shared main.c -o x.so
says 'pmig-cc: -shared: a shared library cannot migrate'
expect 1 "$cc" -static main.c
says 'pmig-cc: -static: '
expect 1 "$cc" -fsanitize=address -c main.c
says 'pmig-cc: -fsanitize=address: '
expect 1 "$cc" -c x.cpp
says 'x.cpp: C\+\+'
expect 2 "$cc"
says 'no input files'
expect 2 "$cc" -c main.c wanted.c -o both.o
says 'both.o'
t "$cc" -fPIC -pie -flto -c main.c -o main.o
t "$cc" -O2 -ffunction-sections main.o wanted.o -Wl,--gc-sections,-Map=program.map -pthread -s -lm -o program
check "the map is of the real program" grep -q "program\.o" program.map
prints "stripped" "42 4 7 0" ./program

# A damaged object is refused; an old one says what to do.
cp main.o damaged.o
offset=$((0x$(objdump -h main.o | awk '$2 == ".pmig.bc" {print $6}') + 200))
printf '\377\377\377' | dd of=damaged.o bs=1 seek="$offset" conv=notrunc status=none
expect 1 "$cc" damaged.o wanted.o -o program
says 'main.c: the bitcode is damaged'

# Lines: with -g the program has those of its sources, without there are none of its own.
t "$cc" -g -O1 main.c wanted.c -o program
check "-g gives lines" sh -c 'objdump --dwarf=decodedline program | grep -q "^main.c"'
t "$cc" -O1 main.c wanted.c -o program
check "without -g there are none" sh -c '! objdump --dwarf=decodedline program | grep -q "^main.c"'

# The program is at a fixed address, has a build identity, and needs no library that pmig brought.
check "fixed address" sh -c 'readelf -hW program | grep -q "Type: *EXEC"'
check "build identity" sh -c 'readelf -nW program | grep -q "Build ID"'
check "the C library is all it needs" sh -c '! readelf -dW program | grep NEEDED | grep -v "lib[cm]\.so"'
check "nothing is left behind" test -z "$(ls scratch)"

# A signal ends it by that signal and leaves nothing behind.
mkfifo pipe.c
"$cc" -c pipe.c -o pipe.o &
exec 9>pipe.c # opens once clang reads
kill -TERM $!
status=0
wait $! || status=$?
exec 9>&-
check "it ends by SIGTERM" test "$status" = 143
check "its scratch directory is gone" test -z "$(ls scratch)"
