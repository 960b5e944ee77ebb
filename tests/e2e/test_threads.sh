#!/bin/bash
# shellcheck source=lib.sh
# Programs with threads: restored at every k-th safe point of any thread; moved alpha, beta, alpha while eight threads compute, and while
# only a thread that is not the main one is left; a thread that does not come is named, and so is one that a library made.
. "$(dirname "$0")/lib.sh"

CAPTURE=$PMIG_SOURCE/tests/capture
t clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include" "$CAPTURE/threads.c" -o "$T/plain" -lm
t "$T/plain" >"$T/capture.want"
sed -i '/^ok/d' "$T/capture.want"

# every LEVEL K
every() {
	local status=0
	PMIG_EVERY=$2 PMIG_EVERY_IMAGE=$T/image PMIG_EVERY_COUNT=$T/count timeout 60 "$T/capture-O$1" >"$T/got" 2>"$T/err" || status=$?
	[ $status -eq 0 ] && [ ! -s "$T/err" ] || fail "threads -O$1 at every $2: exit status $status: $(cat "$T/err" "$T/got")"
	cmp "$T/capture.want" "$T/got" || fail "threads -O$1 at every $2: another result"
	echo "ok - threads -O$1 at every $2: $(cat "$T/count") restores"
}
for level in 0 1 2 3; do
	t "$BIN/pmig-cc" "-O$level" -w -D_GNU_SOURCE "$CAPTURE/threads.c" -o "$T/capture-O$level" -lm
	for k in 1 2 5; do every $level $k; done
done

# Children that are forked while other threads come and go make threads of their own.
t clang-19 -w -D_GNU_SOURCE -O2 -I "$PMIG_SOURCE/runtime/include" "$CAPTURE/forks.c" -o "$T/forks-plain"
t "$BIN/pmig-cc" -O2 -w -D_GNU_SOURCE "$CAPTURE/forks.c" -o "$T/forks"
"$T/forks-plain" >"$T/forks.want"
timeout 60 "$T/forks" >"$T/forks.got" || fail "forks: exit status $?"
same "$T/forks.want" "$T/forks.got"
PMIG_EVERY=10 PMIG_EVERY_IMAGE=$T/image timeout 60 "$T/forks" >"$T/forks.got" || fail "forks at every 10: exit status $?"
same "$T/forks.want" "$T/forks.got"

cat >"$T/library.c" <<'END'
#include <pthread.h>
#include <unistd.h>
static int ends[2];
static pthread_t thread;
static void *listen(void *unused)
{
	char c;
	return read(ends[0], &c, 1) < 0 ? unused : NULL;
}
void library_begin(void)
{
	if (pipe(ends) == 0 && pthread_create(&thread, NULL, listen, NULL) == 0)
		pthread_setname_np(thread, "listener");
}
void library_end(void)
{
	close(ends[1]);
	pthread_join(thread, NULL);
	close(ends[0]);
}
END
t gcc -shared -fPIC -D_GNU_SOURCE -O2 "$T/library.c" -o "$T/libfar.so"
chmod -R a+rX "$T"
hosts_begin SHARE="$PMIG_SOURCE $PMIG_BUILD $T"
THREADS=$BIN/tests/threads

# --- eight threads compute
t "$THREADS" work 8 4000000 >"$T/want"
sed -i '/^ok/d' "$T/want"
start alpha threads "$THREADS" work 8 4000000
for round in 100000 600000; do
	await "$T/threads.out" "^round $round\$"
	t pmig_on alpha move threads beta
	check 'it runs on beta' host_runs beta threads
	t pmig_on alpha move threads home
done
ended_with threads 0
same "$T/threads.out" "$T/want"

# --- the main thread has ended
t "$THREADS" left 100000000 >"$T/want"
sed -i '/^ok/d' "$T/want"
start alpha left "$THREADS" left 100000000
await "$T/left.out" '^round 0$'
t pmig_on alpha move left beta
t pmig_on alpha move left home
ended_with left 0
same "$T/left.out" "$T/want"

# --- one does not come
mkfifo "$T/input"
exec 7<>"$T/input"
INPUT=$T/input start alpha deaf "$THREADS" deaf
await "$T/deaf.out" '^begun$'
expect 5 pmig_on alpha move --timeout 1 deaf beta
says '^pmig move: freeze: alpha: deaf did not reach a safe point; it is in thread 1 \(deaf\), in deaf'
check 'the main thread, which came, is not in it' test -z "$(grep 'main thread' "$T/stderr")"
echo >&7
await "$T/deaf.out" '^heard$'
t pmig_on alpha move deaf beta
echo >&7
ended_with deaf 0

# --- one that a library made
INPUT=$T/input start alpha library env LD_PRELOAD="$T/libfar.so" "$THREADS" library
await "$T/library.out" '^begun$'
expect 3 pmig_on alpha move library beta
says 'its thread [0-9]+ \(listener\) was made by libfar\.so, not by the program, and cannot be carried'
echo >&7
await "$T/library.out" '^alone$'
echo >&7
ended_with library 0
for host in alpha beta; do nothing_on $host; done
