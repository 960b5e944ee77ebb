/* timer: what the program made lies in the arena; the kernel's own number of it is another one in each process. */
#include "timer.h"

#include "arena/arena.h"
#include "arena/malloc.h"
#include "resource/clocks.h"
#include "resource/descriptor.h"
#include "thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define REALS 3 /* ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF */

/* The program's timer_t is its address. One that was deleted is used again; none is ever freed, so that a look needs no lock. */
struct timer {
	struct timer *next;
	atomic_bool used;
	bool dated; /* it was set to a date */
	clockid_t clock;
	struct sigevent event;
	struct arena_thread *thread; /* SIGEV_THREAD_ID: whose */
	timer_t here;                /* this process's */
	struct itimerspec left;      /* at the last timer_read(); of a dated one the date */
};

static struct itimerval reals[REALS];

static _Atomic(struct timer *) *list(void)
{
	return (_Atomic(struct timer *) *)arena_root(ARENA_ROOT_TIMERS);
}

static bool is_zero(const struct timespec *t)
{
	return t->tv_sec == 0 && t->tv_nsec == 0;
}

static bool counts_dates(clockid_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_TAI;
}

static struct timespec sum(struct timespec a, struct timespec b)
{
	struct timespec s = {a.tv_sec + b.tv_sec, a.tv_nsec + b.tv_nsec};
	if (s.tv_nsec >= 1000000000)
		s = (struct timespec){s.tv_sec + 1, s.tv_nsec - 1000000000};
	return s;
}

static struct timer *find(timer_t timer)
{
	struct timer *t = arena_exists() ? *list() : NULL;
	while (t != NULL && ((timer_t)t != timer || !t->used))
		t = t->next;
	if (t == NULL)
		errno = EINVAL;
	return t;
}

static struct timer *take(void)
{
	for (struct timer *t = *list(); t != NULL; t = t->next)
		if (!atomic_exchange(&t->used, true))
			return t;
	struct timer *t = pmig_calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	t->used = true;
	t->next = *list();
	while (!atomic_compare_exchange_weak(list(), &t->next, t))
		;
	return t;
}

#define THREAD_OF(event) ((event)->_sigev_un._tid)

static int start(struct timer *t)
{
	struct sigevent event = t->event;
	if (event.sigev_notify == SIGEV_THREAD_ID)
		THREAD_OF(&event) = pmig_thread_native(t->thread);
	return timer_create(t->clock, &event, &t->here);
}

static struct arena_thread *thread_by_number(pid_t native)
{
	for (struct arena_thread *a = thread_next(NULL); a != NULL; a = thread_next(a))
		if (pmig_thread_native(a) == native)
			return a;
	return NULL;
}

int pmig_timer_create_signal(clockid_t clock, const struct sigevent *event, timer_t *ret)
{
	struct timer *t = take();
	if (t == NULL) {
		errno = EAGAIN;
		return -1;
	}
	t->clock = clock;
	t->event = event != NULL
		? *event
		: (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM, .sigev_value.sival_ptr = t};
	t->thread = t->event.sigev_notify == SIGEV_THREAD_ID ? thread_by_number(THREAD_OF(&t->event)) : NULL;
	t->left = (struct itimerspec){0};
	int r = 0;
	if (t->event.sigev_notify == SIGEV_THREAD_ID && t->thread == NULL) {
		errno = EINVAL;
		r = -1;
	}
	if (r == 0)
		r = start(t);
	if (r == 0)
		*ret = t;
	else
		t->used = false;
	return r;
}

int pmig_timer_delete_signal(timer_t timer)
{
	struct timer *t = find(timer);
	int r = t != NULL ? timer_delete(t->here) : -1;
	if (r == 0)
		t->used = false;
	return r;
}

int pmig_timer_settime_signal(timer_t timer, int flags, const struct itimerspec *value, struct itimerspec *ret_old)
{
	struct timer *t = find(timer);
	if (t == NULL)
		return -1;
	struct itimerspec here = *value;
	if ((flags & TIMER_ABSTIME) != 0 && !is_zero(&here.it_value))
		here.it_value = clocks_here(t->clock, here.it_value);
	int r = timer_settime(t->here, flags, &here, ret_old);
	if (r == 0)
		t->dated = (flags & TIMER_ABSTIME) != 0 && counts_dates(t->clock);
	return r;
}

int pmig_timer_gettime_signal(timer_t timer, struct itimerspec *ret)
{
	struct timer *t = find(timer);
	return t != NULL ? timer_gettime(t->here, ret) : -1;
}

int pmig_timer_getoverrun_signal(timer_t timer)
{
	struct timer *t = find(timer);
	return t != NULL ? timer_getoverrun(t->here) : -1;
}

/* The program's clocks are others than this machine's once it has moved. */
int pmig_timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *ret_old)
{
	char text[1024];
	struct itimerspec here = *value;
	if ((flags & TFD_TIMER_ABSTIME) != 0 && !is_zero(&here.it_value) && clocks_moved()) {
		descriptor_info(fd, text, sizeof text);
		here.it_value = clocks_here((clockid_t)descriptor_number(text, "clockid", 10, CLOCK_REALTIME),
			here.it_value);
	}
	return timerfd_settime(fd, flags, &here, ret_old);
}

static bool read_real(int which)
{
	struct itimerval now = {0};
	(void)getitimer((__itimer_which_t)which, &now);
	bool ran_off = timerisset(&reals[which].it_value) && !timerisset(&now.it_value);
	reals[which] = now;
	return ran_off;
}

static bool read_one(struct timer *t)
{
	struct itimerspec now = {0};
	struct timespec date;
	(void)timer_gettime(t->here, &now);
	bool ran_off = !is_zero(&t->left.it_value) && is_zero(&now.it_value);
	if (t->dated && !is_zero(&now.it_value) && clock_gettime(t->clock, &date) == 0)
		now.it_value = sum(date, now.it_value);
	t->left = now;
	return ran_off;
}

bool timer_read(void)
{
	bool ran_off = false;
	for (int i = 0; i < REALS; i++)
		ran_off |= read_real(i);
	for (struct timer *t = *list(); t != NULL; t = t->next)
		if (t->used)
			ran_off |= read_one(t);
	return ran_off;
}

/* Clocks that another host does not have, or not of the same thing: those that wake it, and those of a process or thread by its number,
 * which is all but the sign and the last three bits (clock_getcpuclockid(3)). */
static int check(const struct timer *t)
{
	if (t->clock == CLOCK_REALTIME_ALARM || t->clock == CLOCK_BOOTTIME_ALARM)
		return error_set(PMIG_EREFUSED,
			"a timer of it wakes this host from sleep (clock %d), which another may not grant; delete it before the safe point",
			(int)t->clock);
	if (t->clock < 0 && ~(t->clock >> 3) != 0)
		return error_set(PMIG_EREFUSED,
			"a timer of it counts the time of one process or thread by its number here (clock %d); delete it before the safe "
			"point",
			(int)t->clock);
	if (t->clock == CLOCK_THREAD_CPUTIME_ID && pmig_thread_count() > 1)
		return error_set(PMIG_EREFUSED,
			"a timer of it counts the time of one of several threads, which is not carried; delete it before the safe point");
	return 0;
}

int timer_save(struct record_writer *w)
{
	int e = 0;
	for (struct timer *t = *list(); t != NULL && e >= 0; t = t->next)
		if (t->used)
			e = check(t);
	for (int i = 0; i < REALS; i++) {
		const int64_t numbers[] = {reals[i].it_value.tv_sec, reals[i].it_value.tv_usec, reals[i].it_interval.tv_sec,
			reals[i].it_interval.tv_usec};
		for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
			record_put_u64(w, (uint64_t)numbers[k]);
	}
	return e;
}

/* The kernel adds one tick whenever a timer of processor time is set, which would add up over moves: take it away before. */
static void without_tick(struct itimerval *v)
{
	struct timespec tick;
	struct timeval one, less;
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) < 0)
		return;
	TIMESPEC_TO_TIMEVAL(&one, &tick);
	timersub(&v->it_value, &one, &less);
	if (timercmp(&v->it_value, &one, >))
		v->it_value = less;
}

static int restore_one(struct timer *t)
{
	if (start(t) < 0)
		return error_errno(PMIG_EREFUSED, errno, "a timer of clock %d cannot be made here", (int)t->clock);
	if (!is_zero(&t->left.it_value) && timer_settime(t->here, t->dated ? TIMER_ABSTIME : 0, &t->left, NULL) < 0)
		return error_errno(PMIG_EIO, errno, "a timer of clock %d cannot be set here", (int)t->clock);
	return 0;
}

int timer_restore(struct record_reader *r)
{
	int e = 0;
	for (int i = 0; i < REALS; i++) {
		struct itimerval v;
		v.it_value.tv_sec = (time_t)record_get_u64(r);
		v.it_value.tv_usec = (suseconds_t)record_get_u64(r);
		v.it_interval.tv_sec = (time_t)record_get_u64(r);
		v.it_interval.tv_usec = (suseconds_t)record_get_u64(r);
		if (i != ITIMER_REAL)
			without_tick(&v);
		if (record_reader_check(r) >= 0)
			(void)setitimer((__itimer_which_t)i, &v, NULL);
	}
	for (struct timer *t = *list(); t != NULL && e >= 0; t = t->next)
		if (t->used)
			e = restore_one(t);
	return e < 0 ? e : record_reader_check(r);
}
