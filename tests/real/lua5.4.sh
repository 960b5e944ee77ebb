# shellcheck shell=bash disable=SC2034 # what tests/e2e/real.sh needs
# Lua: an interpreter whose errors and coroutines are setjmp and longjmp.
package=lua5.4
program=src/lua5.4

# As debian/rules does it, with the libtool that is installed instead of a generated one, and without the C++ library.
real_build() {
	printf '#define DEB_HOST_MULTIARCH "%s"\n' "$(gcc -print-multiarch)" >src/lua5.4-deb-multiarch.h
	make posix LIBTOOL="libtool --tag=disable-shared" CC="$CC -std=gnu99" CXX=clang-19 MYCFLAGS=-O2 MYLDFLAGS=
}

# The package has no tests; these are ours.
real_suite() { src/lua5.4 "$SOURCE/suite.lua" 3; }
real_data() {
	short=("$SOURCE/short.lua")
	long=("$SOURCE/work.lua" 30)
	random=("$SOURCE/work.lua" 10)
	bench=("$SOURCE/work.lua" 10)
}
