#!/bin/bash
# shellcheck source=lib.sh
# The test hosts themselves: three machines as far as a program can see, and what they must not share.
. "$(dirname "$0")/lib.sh"
hosts_begin

on_each() { for h in alpha beta gamma; do "$@" "$h" || return 1; done; }
has_own_name() { [ "$(on "$1" hostname)" = "$1" ]; }
check "each host has its own name" on_each has_own_name
check "alpha reaches beta by ssh as the ordinary user" test "$(hosts ssh alpha beta 'hostname; id -un')" = $'beta\nmig'
check "beta reaches gamma" test "$(hosts ssh beta gamma hostname)" = gamma

differ "process spaces" "$(pid_space alpha)" "$(pid_space beta)"
t on alpha test -e "$PMIG_SOURCE/README.md"
expect 1 on alpha touch "$PMIG_SOURCE/written"
for h in beta gamma; do
	expect 1 on $h test -e "$PMIG_SOURCE"
	expect 1 on $h test -e "$PMIG_BUILD"
	check "$h has no libpng, libunwind or libffi" on $h sh -c '! ls /usr/lib/*/ | grep -E "^lib(png|unwind|ffi)"'
done

t on alpha sh -c 'echo mine >/tmp/file'
expect 1 on beta test -e /tmp/file
expect 1 test -e /tmp/file

hosts full beta 65536
expect 1 on beta dd if=/dev/zero of=big bs=64k count=4 status=none
says 'No space left on device'
hosts full beta off
t on beta dd if=/dev/zero of=big bs=64k count=4 status=none

hosts delay beta 40
start=$(date +%s%N)
t hosts ssh alpha beta true
took=$((($(date +%s%N) - start) / 1000000))
check "a delayed cable is felt: $took ms" test $took -gt 240
hosts delay beta off

hosts cut gamma
expect 255 hosts ssh alpha -o ConnectTimeout=1 gamma true
hosts mend gamma
hosts hole gamma
expect 255 hosts ssh alpha -o ConnectTimeout=1 gamma true
hosts unhole gamma
t hosts ssh alpha gamma true

t on gamma sh -c 'echo kept >kept'
hosts power gamma
expect 1 on gamma true
hosts boot gamma
check "a disk outlives its power" test "$(hosts ssh alpha gamma cat kept)" = kept

loopback_begin left right
for name in left right; do
	check "$name lets its key in" test "$(ssh -F "$HOME/.ssh/config" $name 'id -u; echo "$HOME"')" = "$(id -u)"$'\n'"$T/$name/home"
done
