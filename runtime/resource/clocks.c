/* clocks: the replacements of clock_gettime() and its kind. */
#include "clocks.h"

#include "replaced.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#define SECOND 1000000000ll
#define TICK (SECOND / 100) /* CLOCK_MONOTONIC_COARSE lies behind by at most this, and must not run backwards either */

/* ARENA_ROOT_CLOCKS; nanoseconds to be added. */
struct offsets {
	int64_t monotonic;
	int64_t boot;
	int64_t user, system; /* processor time of earlier processes */
};

static struct offsets *offsets(void)
{
	static struct offsets none;
	struct offsets *o = arena_exists() ? *arena_root(ARENA_ROOT_CLOCKS) : NULL;
	return o != NULL ? o : &none;
}

static int64_t offset_of(clockid_t id)
{
	switch (id) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
		return offsets()->monotonic;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		return offsets()->boot;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		return offsets()->user + offsets()->system;
	default:
		return 0;
	}
}

static struct timespec shifted(struct timespec t, int64_t ns)
{
	int64_t seconds = ns / SECOND, rest = t.tv_nsec + ns % SECOND;
	if (rest < 0)
		seconds--, rest += SECOND;
	if (rest >= SECOND)
		seconds++, rest -= SECOND;
	return (struct timespec){t.tv_sec + seconds, rest};
}

static int64_t ns_of(clockid_t id)
{
	struct timespec t = {0};
	(void)clock_gettime(id, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

int clocks_start(void)
{
	void **root = arena_root(ARENA_ROOT_CLOCKS);
	if (*root == NULL)
		*root = pmig_calloc(1, sizeof(struct offsets));
	return *root == NULL ? error_set(PMIG_ENOMEM, "no memory for the clocks") : 0;
}

static int64_t ns_of_timeval(struct timeval t)
{
	return t.tv_sec * SECOND + t.tv_usec * 1000;
}

int clocks_save(struct record_writer *w)
{
	struct rusage used = {0};
	(void)getrusage(RUSAGE_SELF, &used);
	record_put_u64(w, (uint64_t)(ns_of(CLOCK_MONOTONIC) + offsets()->monotonic));
	record_put_u64(w, (uint64_t)(ns_of(CLOCK_BOOTTIME) + offsets()->boot));
	record_put_u64(w, (uint64_t)ns_of(CLOCK_REALTIME));
	record_put_u64(w, (uint64_t)(ns_of_timeval(used.ru_utime) + offsets()->user));
	record_put_u64(w, (uint64_t)(ns_of_timeval(used.ru_stime) + offsets()->system));
	return record_check(w);
}

int clocks_restore(struct record_reader *r)
{
	int64_t monotonic = (int64_t)record_get_u64(r), boot = (int64_t)record_get_u64(r), wall = (int64_t)record_get_u64(r);
	int64_t user = (int64_t)record_get_u64(r), system = (int64_t)record_get_u64(r);
	int e = record_reader_check(r);
	if (e >= 0)
		e = clocks_start();
	if (e < 0)
		return e;
	int64_t away = ns_of(CLOCK_REALTIME) - wall;
	*(struct offsets *)*arena_root(ARENA_ROOT_CLOCKS) = (struct offsets){
		.monotonic = monotonic + TICK - ns_of(CLOCK_MONOTONIC),
		.boot = boot + TICK - ns_of(CLOCK_BOOTTIME) + (away > 0 ? away : 0),
		.user = user,
		.system = system,
	};
	return 0;
}

int pmig_clock_gettime(clockid_t id, struct timespec *ret)
{
	int r = clock_gettime(id, ret);
	int64_t ns = offset_of(id);
	if (r == 0 && ns != 0)
		*ret = shifted(*ret, ns);
	return r;
}

struct timespec clocks_here(clockid_t id, struct timespec t)
{
	return shifted(t, -offset_of(id));
}

bool clocks_moved(void)
{
	return offsets()->monotonic != 0 || offsets()->boot != 0;
}

clock_t pmig_clock(void)
{
	clock_t t = clock();
	return t == (clock_t)-1 ? t : t + (clock_t)((offsets()->user + offsets()->system) / (SECOND / CLOCKS_PER_SEC));
}

clock_t pmig_times(struct tms *ret)
{
	clock_t t = times(ret);
	int64_t tick = SECOND / sysconf(_SC_CLK_TCK);
	if (t == (clock_t)-1)
		return t;
	if (ret != NULL) {
		ret->tms_utime += offsets()->user / tick;
		ret->tms_stime += offsets()->system / tick;
	}
	return t + offsets()->monotonic / tick;
}

static struct timeval added(struct timeval t, int64_t ns)
{
	int64_t us = t.tv_usec + ns / 1000;
	return (struct timeval){t.tv_sec + us / 1000000, us % 1000000};
}

int pmig_getrusage(int who, struct rusage *ret)
{
	int r = getrusage((__rusage_who_t)who, ret);
	if (r == 0 && who != RUSAGE_CHILDREN) {
		ret->ru_utime = added(ret->ru_utime, offsets()->user);
		ret->ru_stime = added(ret->ru_stime, offsets()->system);
	}
	return r;
}
