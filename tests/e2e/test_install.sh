#!/bin/bash
# What `cmake --install` gives is enough to build a program elsewhere: by hand, by pkg-config, by find_package.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

prefix=$T/prefix
t cmake --install "$PMIG_BUILD" --prefix "$prefix"
for file in bin/pmig bin/pmig-cc bin/pmig-instrument bin/pmig-agent lib/libpmig.a lib/libpmig-carried.a \
	lib/libpmig-peer.a lib/pmig/libpmig-peer.a include/pmig/pmig.h include/pmig/pmig_peer.h lib/pkgconfig/pmig.pc lib/cmake/pmig/pmig-config.cmake; do
	t test -f "$prefix/$file"
done
check "pmig-agent needs nothing of the host" sh -c '! readelf -lW "$1" | grep INTERP' sh "$prefix/bin/pmig-agent"

mkdir "$T/project"
cat >"$T/project/hello.c" <<'END'
#include <pmig/pmig.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	long sum = 0;
	for (long i = 0; i < (argc > 1 ? atol(argv[1]) : 10); i++) {
		sum += i;
		pmig_safepoint();
	}
	printf("%ld\n", sum);
}
END
cat >"$T/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(hello C)
find_package(pmig 0.1 REQUIRED)
pmig_add_executable(hello hello.c)
END

t "$prefix/bin/pmig-cc" -O2 "$T/project/hello.c" -o "$T/hello"
check "it runs by itself" test "$("$T/hello" 1000)" = 499500

cc=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --variable=cc pmig)
check "pkg-config names the compiler" test "$(realpath "$cc")" = "$(realpath "$prefix/bin/pmig-cc")"
flags=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags pmig)
# shellcheck disable=SC2086
t cc $flags "$T/project/hello.c" -o "$T/plain"
check "another compiler's program computes the same" test "$("$T/plain" 1000)" = 499500

t cmake -S "$T/project" -B "$T/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
t cmake --build "$T/build"
check "a CMake project's program runs" test "$("$T/build/bin/hello" 1000)" = 499500

# Peers that take part: by any compiler with one library, by pmig-cc with the one that moves.
t gcc -O2 -Wall -Werror -I "$prefix/include" "$PMIG_SOURCE/samples/peer/asker.c" -o "$T/asker" -L "$prefix/lib" -lpmig-peer
t "$prefix/bin/pmig-cc" -O2 "$PMIG_SOURCE/samples/peer/teller.c" -o "$T/teller" -lpmig-peer
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
"$T/teller" "127.0.0.1:$port" >"$T/teller.out" &
teller=$!
await "$T/teller.out" ready
check "they talk" grep -qxF '50 numbers, none missing' <("$T/asker" "127.0.0.1:$port" 50)
kill -TERM $teller
check "teller ends" wait $teller
