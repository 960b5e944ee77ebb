/* timer_thread: timers that call a function (SIGEV_THREAD): a thread of the program waits for each, and starts another one whenever it goes
 * off, as timer_create(2) says. All other timers are timer.h's. */
#include "timer.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

int pmig_timer_create(clockid_t clock, struct sigevent *event, timer_t *ret);
int pmig_timer_delete(timer_t timer);
int pmig_timer_settime(timer_t timer, int flags, const struct itimerspec *value, struct itimerspec *ret_old);
int pmig_timer_gettime(timer_t timer, struct itimerspec *ret);
int pmig_timer_getoverrun(timer_t timer);

#define SECOND 1000000000ll

struct thread_timer {
	struct thread_timer *next;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	clockid_t clock;
	long long due, interval; /* ns of `clock`; due 0: it is not set */
	bool deleted;
	void (*function)(union sigval value);
	union sigval value;
	pthread_attr_t *attributes;
	int overrun;
};

static struct thread_timer *timers;
static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;

static long long ns_of(struct timespec t)
{
	return t.tv_sec * SECOND + t.tv_nsec;
}

static struct timespec timespec_of(long long ns)
{
	return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

static long long now(const struct thread_timer *t)
{
	struct timespec at;
	(void)clock_gettime(t->clock, &at);
	return ns_of(at);
}

/* One run of the program's function. */
struct call {
	void (*function)(union sigval value);
	union sigval value;
};

static void *run(void *of)
{
	struct call c = *(struct call *)of;
	free(of);
	c.function(c.value);
	return NULL;
}

static void call(const struct thread_timer *t)
{
	pthread_t thread;
	struct call *c = malloc(sizeof *c);
	if (c == NULL)
		return;
	*c = (struct call){t->function, t->value};
	if (pthread_create(&thread, t->attributes, run, c) == 0)
		(void)pthread_detach(thread);
	else
		free(c);
}

/* It has gone off; what was missed is counted: timer_getoverrun(2). */
static void go_off(struct thread_timer *t)
{
	long long late = t->interval > 0 ? (now(t) - t->due) / t->interval : 0;
	t->overrun = (int)late;
	t->due = t->interval > 0 ? t->due + (late + 1) * t->interval : 0;
	call(t);
}

static void *wait(void *of)
{
	struct thread_timer *t = of;
	(void)pthread_mutex_lock(&t->lock);
	while (!t->deleted) {
		struct timespec at = timespec_of(t->due);
		if (t->due == 0)
			(void)pthread_cond_wait(&t->changed, &t->lock);
		else if (pthread_cond_clockwait(&t->changed, &t->lock, t->clock, &at) == ETIMEDOUT && t->due != 0 &&
			now(t) >= t->due)
			go_off(t);
	}
	(void)pthread_mutex_unlock(&t->lock);
	(void)pthread_cond_destroy(&t->changed);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
	return NULL;
}

/* The lock of the one that is found is held. */
static struct thread_timer *find(timer_t timer)
{
	(void)pthread_mutex_lock(&timers_lock);
	struct thread_timer *t = timers;
	while (t != NULL && (timer_t)t != timer)
		t = t->next;
	if (t != NULL)
		(void)pthread_mutex_lock(&t->lock);
	(void)pthread_mutex_unlock(&timers_lock);
	return t;
}

int pmig_timer_create(clockid_t clock, struct sigevent *event, timer_t *ret)
{
	if (event == NULL || event->sigev_notify != SIGEV_THREAD)
		return pmig_timer_create_signal(clock, event, ret);
	pthread_t thread;
	struct thread_timer *t = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC ? calloc(1, sizeof *t) : NULL;
	if (t == NULL) {
		errno = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC ? EAGAIN : ENOTSUP;
		return -1;
	}
	t->clock = clock;
	t->function = event->sigev_notify_function;
	t->attributes = event->sigev_notify_attributes;
	t->value = event->sigev_value;
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_cond_init(&t->changed, NULL);
	if (pthread_create(&thread, NULL, wait, t) != 0) {
		free(t);
		errno = EAGAIN;
		return -1;
	}
	(void)pthread_detach(thread);
	(void)pthread_mutex_lock(&timers_lock);
	t->next = timers;
	timers = t;
	(void)pthread_mutex_unlock(&timers_lock);
	*ret = t;
	return 0;
}

int pmig_timer_delete(timer_t timer)
{
	(void)pthread_mutex_lock(&timers_lock);
	struct thread_timer **at = &timers;
	while (*at != NULL && (timer_t)*at != timer)
		at = &(*at)->next;
	struct thread_timer *t = *at;
	if (t != NULL)
		*at = t->next;
	(void)pthread_mutex_unlock(&timers_lock);
	if (t == NULL)
		return pmig_timer_delete_signal(timer);
	(void)pthread_mutex_lock(&t->lock);
	t->deleted = true;
	(void)pthread_cond_signal(&t->changed);
	(void)pthread_mutex_unlock(&t->lock);
	return 0;
}

static struct itimerspec left(const struct thread_timer *t)
{
	long long rest = t->due == 0 ? 0 : t->due - now(t);
	return (struct itimerspec){timespec_of(t->interval), timespec_of(t->due != 0 && rest <= 0 ? 1 : rest)};
}

int pmig_timer_settime(timer_t timer, int flags, const struct itimerspec *value, struct itimerspec *ret_old)
{
	struct thread_timer *t = find(timer);
	if (t == NULL)
		return pmig_timer_settime_signal(timer, flags, value, ret_old);
	long long first = ns_of(value->it_value);
	if (ret_old != NULL)
		*ret_old = left(t);
	t->interval = ns_of(value->it_interval);
	t->due = first == 0 || (flags & TIMER_ABSTIME) != 0 ? first : now(t) + first;
	(void)pthread_cond_signal(&t->changed);
	(void)pthread_mutex_unlock(&t->lock);
	return 0;
}

int pmig_timer_gettime(timer_t timer, struct itimerspec *ret)
{
	struct thread_timer *t = find(timer);
	if (t == NULL)
		return pmig_timer_gettime_signal(timer, ret);
	*ret = left(t);
	(void)pthread_mutex_unlock(&t->lock);
	return 0;
}

int pmig_timer_getoverrun(timer_t timer)
{
	struct thread_timer *t = find(timer);
	if (t == NULL)
		return pmig_timer_getoverrun_signal(timer);
	int n = t->overrun;
	(void)pthread_mutex_unlock(&t->lock);
	return n;
}
