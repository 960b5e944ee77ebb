#!/bin/bash
# shellcheck source=lib.sh
# Locks of every kind, thread-specific data and thread-local variables at every k-th safe point of any thread; the work queue and the pipeline of
# samples/ on their way from host to host (tests/threads_loop.sh does it as often as one likes).
. "$(dirname "$0")/lib.sh"

LOCKS=$PMIG_SOURCE/tests/capture/locks.c
t clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include" "$LOCKS" -o "$T/plain"
"$T/plain" >"$T/locks.want"

# every LEVEL K
every() {
	local status=0
	PMIG_EVERY=$2 PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count timeout 60 "$T/locks-O$1" >"$T/got" 2>"$T/err" || status=$?
	[ $status -eq 0 ] && [ ! -s "$T/err" ] || fail "locks -O$1 at every $2: exit status $status: $(cat "$T/err" "$T/got")"
	cmp "$T/locks.want" "$T/got" || fail "locks -O$1 at every $2: another result"
	echo "ok - locks -O$1 at every $2: $(cat "$T/count") restores"
}
for level in 0 2 3; do
	t "$BIN/pmig-cc" "-O$level" -w -D_GNU_SOURCE "$LOCKS" -o "$T/locks-O$level"
	every $level 1:150
done
for k in 3:50 7:50 29:50; do every 2 $k; done

cat >"$T/large.c" <<'END'
#include <pthread.h>
_Thread_local char large[1 << 20];
static void *use(void *p)
{
	large[1] = 1;
	return p;
}
int main(void)
{
	pthread_t t;
	return pthread_create(&t, 0, use, 0);
}
END
expect 1 "$BIN/pmig-cc" -O2 "$T/large.c" -o "$T/large"
says 'large\.c:5: error: the thread-local variable large does not fit'

# A thread of a library has variables of its own as well.
cat >"$T/library.c" <<'END'
#include <pthread.h>
void library_call(void *(*f)(void *), void *p)
{
	pthread_t t;
	pthread_create(&t, 0, f, p);
	pthread_join(t, 0);
}
END
cat >"$T/calls.c" <<'END'
#include <pthread.h>
#include <stdio.h>
void library_call(void *(*f)(void *), void *p);
static _Thread_local int own = 5;
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static void *called(void *p)
{
	printf("%d %d\n", own++, pthread_mutex_trylock(&mutex) != 0);
	return p;
}
int main(void)
{
	own = 8;
	pthread_mutex_lock(&mutex);
	library_call(called, 0);
	library_call(called, 0);
	called(0);
	return 0;
}
END
t gcc -shared -fPIC -O2 "$T/library.c" -o "$T/libcalls.so"
t "$BIN/pmig-cc" -O2 -w -D_GNU_SOURCE "$T/calls.c" -o "$T/calls" "$T/libcalls.so" -Wl,-rpath,"$T"
"$T/calls" >"$T/called"
check "its threads have their own" test "$(tr '\n' ,  <"$T/called")" = '5 1,5 1,8 0,'

hosts_begin
"$PMIG_SOURCE/tests/threads_loop.sh" 4
