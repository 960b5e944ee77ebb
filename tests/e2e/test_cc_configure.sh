#!/bin/bash
# What configure scripts and makefiles do to a compiler.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cc=$BIN/pmig-cc
cd "$T"

# Probes as autoconf writes them.
probe() {
	printf 'char %s (void);\nint main (void)\n{\n  return %s ();\n}\n' "$1" "$1" >conftest.c
	"$cc" -o conftest -g -O2 conftest.c >&5 2>&5
}
exec 5>config.log
for name in strlcpy_no_such_thing lzma_code ffi_call XXH64 unw_step error_set; do
	check "there is no $name" sh -c '! "$@"' sh bash -c "$(declare -f probe); cc=$cc; probe $name"
done
for name in malloc fopen qsort getcwd printf; do
	check "there is $name" probe $name
done
exec 5>&-
printf '#include <stdio.h>\n#ifdef __PMIG__\nmigrates\n#endif\n' >conftest.c
check "-E" sh -c '"$1" -E conftest.c | grep -qx migrates' sh "$cc"
printf '#include <no/such/header.h>\n' >conftest.c
expect 1 "$cc" -E conftest.c
expect 1 "$cc" -c conftest.c
printf 'int x = sizeof(char[sizeof(long) == 8 ? 1 : -1]);' >conftest.c
t "$cc" -c conftest.c
check "--version begins with clang's" sh -c '"$1" --version | head -1 | grep -q "clang version"' sh "$cc"
check "-v" sh -c '"$1" -v 2>&1 | grep -q "^Target: x86_64"' sh "$cc"
check "-dumpmachine" sh -c '"$1" -dumpmachine | grep -q ^x86_64' sh "$cc"
check "the same with an option of its own" sh -c '"$1" --safepoints=loops --strict -dumpmachine | grep -q ^x86_64' sh "$cc"
check "-print-prog-name" test -n "$("$cc" -print-prog-name=ld)"
expect 1 "$cc" -qversion -c conftest.c
check "source from standard input" sh -c 'echo "int main(void) { return 0; }" | "$1" -x c - -o stdin' sh "$cc"
t ./stdin
check "-S to standard output" sh -c '"$1" -S conftest.c -o - | grep -q "^x:"' sh "$cc"
# libtool asks nm for symbols and greps.
printf 'char nm_test_var;\nvoid nm_test_func(void) {}\nint main(void) { nm_test_var = 1; nm_test_func(); return 0; }\n' >conftest.c
t "$cc" -c conftest.c
check "nm as libtool reads it" sh -c 'nm conftest.o | grep -q "T nm_test_func" && nm conftest.o | grep -q "[BDC] nm_test_var"'
t "$cc" conftest.c -o conftest
t ./conftest
# A version script, as libtool hands it on, would hide the runtime's malloc from the libraries.
echo '{ global: conftest*; local: *; };' >conftest.map
for words in "-Wl,--version-script -Wl,conftest.map" -Wl,--version-script=conftest.map "-Wl,-z,relro -Wl,--version-script,conftest.map"; do
	# shellcheck disable=SC2086 # words
	t "$cc" $words conftest.c -o conftest
	check "malloc is there for libraries with $words" sh -c 'nm -D conftest | grep -q " T malloc$"'
done

# Dependencies.
mkdir -p sub include
echo '#define VALUE 3' >include/value.h
echo '#include "value.h"
int value(void) { return VALUE; }' >sub/value.c
t "$cc" -Iinclude -MMD -c sub/value.c -o sub/value.o
check "beside the object, by its name" grep -q '^sub/value.o: sub/value.c include/value.h' sub/value.d
t "$cc" -Iinclude -MD -MP -MF dep.mk -MT target -c sub/value.c -o sub/value.o
check "-MF -MT -MP" sh -c 'grep -q "^target: sub/value.c" dep.mk && grep -q "^include/value.h:" dep.mk'
check "-MM" sh -c '"$1" -Iinclude -MM sub/value.c | grep -q "^value.o: sub/value.c include/value.h"' sh "$cc"

# Response files, quoted, and one in the other.
printf '%s\n' '-Iinclude "sub/value.c"' "@more" >arguments
printf '%s' "-DWORDS=\\\"two\\ words\\\" 'main file.c' -o 'with space'" >'more'
echo '#include <stdio.h>
int value(void);
int main(void) { puts(WORDS); return value(); }' >'main file.c'
t "$cc" @arguments
check "what it says" test "$(./with\ space || true)" = "two words"
expect 3 './with space'

# make, recursive, with an archive in between.
mkdir -p lib app
echo 'int twice(int n) { return 2 * n; }' >lib/twice.c
echo 'int twice(int n); int main(void) { return twice(21); }' >app/main.c
printf 'all:\n\t$(MAKE) -C lib\n\t$(MAKE) -C app\n' >Makefile
printf 'libtwice.a: libtwice.a(twice.o)\n\tranlib $@\n' >lib/Makefile
printf 'LDLIBS = -ltwice\nLDFLAGS = -L../lib\nmain: main.o\n' >app/Makefile
t make -s CC="$cc" CFLAGS=-O2
expect 42 app/main
