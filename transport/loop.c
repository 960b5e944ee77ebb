/* loop: poll(2) over a list of sources. A handful of descriptors, so no need for more. */
#include "loop.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum kind { DESCRIPTOR = 1, TIMER, SOON, LAST, DEAD };

struct loop_source {
	struct loop *loop;
	enum kind kind;
	int fd;
	short events;
	int64_t due; /* milliseconds, monotonic */
	loop_ready *ready;
	loop_fire *fire;
	void *context;
	struct loop_source **owner; /* timers, and what comes soon: set to NULL when it fires */
};

struct loop {
	struct loop_source **sources;
	struct pollfd *polls;
	size_t count, room, soon; /* soon: how many of that kind, and of the last */
	int signal_fd;
	loop_signal *caught;
	void *caught_context;
	bool stop;
	int result;
};

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int loop_create(struct loop **ret_loop)
{
	struct loop *l = calloc(1, sizeof *l);
	if (l == NULL)
		return error_set(PMIG_ENOMEM, "event loop: out of memory");
	l->signal_fd = -1;
	*ret_loop = l;
	return 0;
}

void loop_destroy(struct loop *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++)
		free(l->sources[i]);
	if (l->signal_fd >= 0)
		(void)close(l->signal_fd);
	free(l->sources);
	free(l->polls);
	free(l);
}

static int insert(struct loop *l, const struct loop_source *model, struct loop_source **ret_source)
{
	if (l->count == l->room) {
		size_t room = l->room == 0 ? 16 : 2 * l->room;
		struct loop_source **sources = realloc(l->sources, room * sizeof *sources);
		if (sources != NULL)
			l->sources = sources;
		struct pollfd *polls = realloc(l->polls, room * sizeof *polls);
		if (polls != NULL)
			l->polls = polls;
		if (sources == NULL || polls == NULL)
			return error_set(PMIG_ENOMEM, "event loop: out of memory");
		l->room = room;
	}
	struct loop_source *s = malloc(sizeof *s);
	if (s == NULL)
		return error_set(PMIG_ENOMEM, "event loop: out of memory");
	*s = *model;
	l->sources[l->count++] = s;
	*ret_source = s;
	return 0;
}

int loop_add(struct loop *l, int fd, short events, loop_ready *ready, void *context, struct loop_source **ret_source)
{
	return insert(l,
		&(struct loop_source){
			.loop = l, .kind = DESCRIPTOR, .fd = fd, .events = events, .ready = ready, .context = context},
		ret_source);
}

void loop_watch(struct loop_source *s, short events)
{
	s->events = events;
}

void loop_remove(struct loop_source **s)
{
	if (*s == NULL)
		return;
	if ((*s)->kind == SOON || (*s)->kind == LAST)
		(*s)->loop->soon--;
	(*s)->kind = DEAD; /* swept when no callback runs */
	*s = NULL;
}

int loop_after(struct loop *l, int ms, loop_fire *fire, void *context, struct loop_source **ret_source)
{
	return insert(l,
		&(struct loop_source){.loop = l,
			.kind = TIMER,
			.fd = -1,
			.due = now_ms() + ms,
			.fire = fire,
			.context = context,
			.owner = ret_source},
		ret_source);
}

static int before_waiting(struct loop *l, enum kind kind, loop_fire *fire, void *context, struct loop_source **ret_source)
{
	int r = insert(l,
		&(struct loop_source){
			.loop = l, .kind = kind, .fd = -1, .fire = fire, .context = context, .owner = ret_source},
		ret_source);
	if (r >= 0)
		l->soon++;
	return r;
}

int loop_soon(struct loop *l, loop_fire *fire, void *context, struct loop_source **ret_source)
{
	return before_waiting(l, SOON, fire, context, ret_source);
}

int loop_last(struct loop *l, loop_fire *fire, void *context, struct loop_source **ret_source)
{
	return before_waiting(l, LAST, fire, context, ret_source);
}

static void on_signal(void *context, short events)
{
	(void)events;
	struct loop *l = context;
	struct signalfd_siginfo info;
	while (read(l->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
		l->caught(l->caught_context, &info);
}

int loop_signals(struct loop *l, const sigset_t *set, loop_signal *caught, void *context)
{
	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return error_errno(PMIG_EIO, errno, "event loop: signals");
	l->signal_fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signal_fd < 0)
		return error_errno(PMIG_EIO, errno, "event loop: signals");
	l->caught = caught;
	l->caught_context = context;
	struct loop_source *s;
	return loop_add(l, l->signal_fd, POLLIN, on_signal, l, &s);
}

static void sweep(struct loop *l)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->count; i++) {
		if (l->sources[i]->kind == DEAD)
			free(l->sources[i]);
		else
			l->sources[kept++] = l->sources[i];
	}
	l->count = kept;
}

/* Fills l->polls and returns the milliseconds until the first timer, -1 without one. */
static int prepare(struct loop *l)
{
	int64_t first = INT64_MAX;
	for (size_t i = 0; i < l->count; i++) {
		const struct loop_source *s = l->sources[i];
		l->polls[i] = (struct pollfd){
			.fd = s->kind == DESCRIPTOR && s->events != 0 ? s->fd : -1, .events = s->events};
		if (s->kind == TIMER && s->due < first)
			first = s->due;
	}
	if (l->soon > 0)
		return 0;
	if (first == INT64_MAX)
		return -1;
	int64_t left = first - now_ms();
	return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

static void dispatch(struct loop *l, size_t count)
{
	int64_t now = now_ms();
	for (size_t i = 0; i < count && !l->stop; i++) {
		struct loop_source *s = l->sources[i];
		if (s->kind == DESCRIPTOR && l->polls[i].revents != 0 && s->events != 0)
			s->ready(s->context, l->polls[i].revents);
		else if (s->kind == TIMER && s->due <= now) {
			s->kind = DEAD;
			*s->owner = NULL;
			s->fire(s->context);
		}
	}
}

/* Also in the last round: somebody's last word may be among it. What they ask for waits for the next one. */
static void fire_all(struct loop *l, enum kind kind)
{
	size_t count = l->soon > 0 ? l->count : 0;
	for (size_t i = 0; i < count; i++) {
		struct loop_source *s = l->sources[i];
		if (s->kind != kind)
			continue;
		s->kind = DEAD;
		*s->owner = NULL;
		l->soon--;
		s->fire(s->context);
	}
}

int loop_run(struct loop *l)
{
	l->stop = false;
	while (!l->stop) {
		sweep(l);
		int timeout = prepare(l);
		size_t count = l->count; /* what callbacks add waits for the next round */
		if (poll(l->polls, count, timeout) < 0) {
			if (errno == EINTR)
				continue;
			return error_errno(PMIG_EIO, errno, "event loop");
		}
		dispatch(l, count);
		fire_all(l, SOON);
		fire_all(l, LAST);
	}
	return l->result;
}

void loop_stop(struct loop *l, int result)
{
	l->stop = true;
	l->result = result;
}
