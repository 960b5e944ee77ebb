/* ssh_libssh2: links over libssh2. One thread owns the session; callers leave requests in a list and wait. */
#include "link_driver.h"
#include "ssh_channel.h"
#include "ssh_session.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct ssh_link {
	struct ssh_session session;
	/* A channel that was closed at once: reading from it is the public way to make libssh2 take in what has come while
	 * nobody wants data. */
	LIBSSH2_CHANNEL *pulse;
	pthread_t thread;
	int wake; /* eventfd */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* a channel has another state */
	struct ssh_channel *first;
	int last_number;
	bool stop;
	int lost; /* why the thread has ended, or ends: PMIG_E*; 0 while all is well */
	char reason[256];
};

static void wake(struct ssh_link *l)
{
	uint64_t one = 1;
	(void)!write(l->wake, &one, sizeof one);
}

/* --- the thread --- */

static int drain(struct ssh_link *l)
{
	char byte;
	ssize_t n = libssh2_channel_read(l->pulse, &byte, sizeof byte);
	if (l->session.end_of_file || (n < 0 && n != LIBSSH2_ERROR_EAGAIN))
		return ssh_session_error(&l->session, "the session is lost");
	return 0;
}

/* What the thread works on: a copy, so that nobody waits for the lock while megabytes are deciphered. Channels leave the
 * list only after their end was published, so the copy stays good. Returns < 0 when the link is to be closed. */
struct active {
	struct ssh_channel *channels[LINK_CHANNELS_MAX];
	nfds_t count;
};

static int look(struct ssh_link *l, struct active *a)
{
	a->count = 0;
	pthread_mutex_lock(&l->lock);
	for (struct ssh_channel *c = l->first; c != NULL && a->count < LINK_CHANNELS_MAX; c = c->next)
		if (c->published != SSH_CHANNEL_ENDED)
			a->channels[a->count++] = c;
	int rc = l->stop ? error_set(PMIG_ECANCELLED, "the link was closed") : 0;
	pthread_mutex_unlock(&l->lock);
	return rc;
}

static void publish(struct ssh_link *l, struct ssh_channel *c)
{
	pthread_mutex_lock(&l->lock);
	c->published = c->state;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

/* Every channel once. > 0: once more. */
static int step_all(struct ssh_link *l, const struct active *a)
{
	uint64_t before = l->session.received;
	bool opening = false, progress = false;
	int rc = drain(l);
	for (nfds_t i = 0; i < a->count && rc >= 0; i++) {
		struct ssh_channel *c = a->channels[i];
		enum ssh_channel_state state = c->state;
		if (state == SSH_CHANNEL_OPENING && opening)
			continue;
		rc = ssh_channel_step(c, &l->session);
		opening |= c->state == SSH_CHANNEL_OPENING;
		progress |= rc > 0;
		if (c->state != state)
			publish(l, c);
	}
	/* Any read takes in packets for all, also for those whose turn had passed. */
	return rc < 0 ? rc : progress || l->session.received != before;
}

static int await(struct ssh_link *l, struct pollfd *p, nfds_t count)
{
	int seconds = 0;
	(void)libssh2_keepalive_send(l->session.libssh2, &seconds);
	int rc = ssh_session_flush(&l->session);
	if (rc < 0)
		return rc;
	p[0].events = ssh_session_unsent(&l->session) > 0 ? POLLIN | POLLOUT : POLLIN;
	if (poll(p, count, seconds > 0 ? seconds * 1000 : 1000) < 0 && errno != EINTR)
		return error_errno(PMIG_EIO, errno, "cannot wait");
	if (p[1].revents != 0) {
		uint64_t count_ignored;
		(void)!read(l->wake, &count_ignored, sizeof count_ignored);
	}
	return 0;
}

/* Everything that can be done, then one wait for more. Returns < 0 when the session has come to its end. */
static int turn(struct ssh_link *l)
{
	struct pollfd p[2 + LINK_CHANNELS_MAX] = {{.fd = l->session.socket}, {.fd = l->wake, .events = POLLIN}};
	struct active a;
	int rc;
	while ((rc = look(l, &a)) >= 0 && (rc = step_all(l, &a)) > 0)
		continue;
	if (rc >= 0 && (rc = look(l, &a)) >= 0) {
		for (nfds_t i = 0; i < a.count; i++)
			ssh_channel_poll(a.channels[i], &l->session, &p[2 + i]);
		rc = await(l, p, 2 + a.count);
	}
	for (nfds_t i = 0; i < a.count && rc >= 0; i++)
		ssh_channel_polled(a.channels[i], &p[2 + i]);
	return rc;
}

static void *run(void *argument)
{
	struct ssh_link *l = argument;
	int rc;
	while ((rc = turn(l)) >= 0)
		continue;
	pthread_mutex_lock(&l->lock);
	l->lost = rc;
	(void)snprintf(l->reason, sizeof l->reason, "%.250s", pmig_reason());
	for (struct ssh_channel *c = l->first; c != NULL; c = c->next) {
		if (c->published == SSH_CHANNEL_ENDED)
			continue;
		ssh_channel_fail(c, rc);
		c->published = c->state;
	}
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* --- opening and closing --- */

static int make_pulse(struct ssh_link *l, const struct ssh_deadline *d)
{
	struct ssh_session *s = &l->session;
	int rc = 0;
	while ((l->pulse = libssh2_channel_open_session(s->libssh2)) == NULL) {
		if (libssh2_session_last_errno(s->libssh2) != LIBSSH2_ERROR_EAGAIN)
			return ssh_session_error(s, "sshd opens no session");
		if ((rc = ssh_session_wait(s, d)) < 0)
			return rc;
	}
	while ((rc = libssh2_channel_close(l->pulse)) == LIBSSH2_ERROR_EAGAIN)
		if ((rc = ssh_session_wait(s, d)) < 0)
			return rc;
	return rc == 0 ? 0 : ssh_session_error(s, "the session is lost");
}

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Signals are for the threads of the program around us. */
static int start_thread(struct ssh_link *l)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int number = pthread_create(&l->thread, NULL, run, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return number == 0 ? 0 : error_errno(PMIG_EIO, number, "cannot start a thread");
}

static void release(struct ssh_link *l)
{
	for (struct ssh_channel *c = l->first, *next; c != NULL; c = next) {
		next = c->next;
		ssh_channel_destroy(c);
	}
	ssh_session_finish(&l->session);
	if (l->wake >= 0)
		close(l->wake);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int libssh2_open(const struct link_options *o, const struct link_target *t, void **ret_state,
	uint64_t *ret_round_trip_us)
{
	struct ssh_link *l = calloc(1, sizeof *l);
	if (l == NULL)
		return error_set(PMIG_ENOMEM, "link: not enough memory");
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
	l->session.socket = -1;
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = l->wake < 0 ? error_errno(PMIG_EIO, errno, "cannot make an eventfd") : ssh_session_open(&l->session, o, t);
	uint64_t begin = now_us();
	if (rc >= 0) {
		struct ssh_deadline d = {
			.at_ms = ssh_session_now_ms() + o->connect_timeout_ms,
			.stop_fd = o->stop_fd > 0 ? o->stop_fd : -1,
		};
		rc = make_pulse(l, &d);
	}
	uint64_t elapsed = now_us() - begin;
	if (rc >= 0)
		rc = start_thread(l);
	if (rc < 0) {
		release(l);
		return rc;
	}
	*ret_state = l;
	*ret_round_trip_us = elapsed / 2; /* opened and closed: two round trips */
	return 0;
}

static void libssh2_abort(void *state)
{
	struct ssh_link *l = state;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_mutex_unlock(&l->lock);
	wake(l);
}

static void libssh2_close(void *state)
{
	struct ssh_link *l = state;
	libssh2_abort(l);
	pthread_join(l->thread, NULL);
	release(l);
}

/* --- commands --- */

static void unlist(struct ssh_link *l, struct ssh_channel *c)
{
	for (struct ssh_channel **k = &l->first; *k != NULL; k = &(*k)->next) {
		if (*k == c) {
			*k = c->next;
			ssh_channel_destroy(c);
			return;
		}
	}
}

/* With the lock held. Lists the channel and waits until the command runs or has failed to. */
static int start(struct ssh_link *l, struct ssh_channel *c)
{
	unsigned running = 0;
	for (const struct ssh_channel *k = l->first; k != NULL; k = k->next)
		running += k->published != SSH_CHANNEL_ENDED;
	if (l->lost < 0)
		return error_set(l->lost, "%s", l->reason);
	if (running >= LINK_CHANNELS_MAX)
		return error_set(PMIG_EBUSY, "%u commands run over this link already", running);
	struct ssh_channel **last = &l->first;
	while (*last != NULL)
		last = &(*last)->next;
	*last = c;
	c->number = ++l->last_number;
	wake(l);
	while (c->published == SSH_CHANNEL_OPENING || c->published == SSH_CHANNEL_STARTING)
		pthread_cond_wait(&l->changed, &l->lock);
	return c->published == SSH_CHANNEL_ENDED && c->result < 0 ? error_set(c->result, "%s", c->reason) : 0;
}

static int libssh2_exec(void *state, const char *command, struct link_process *ret_process)
{
	struct ssh_link *l = state;
	struct link_ends e;
	struct ssh_channel *c;
	int rc = link_ends_make(&e);
	if (rc < 0)
		return rc;
	rc = ssh_channel_create(command, e.theirs, e.error_write, &c);
	if (rc < 0) {
		link_ends_close(&e);
		return rc;
	}
	pthread_mutex_lock(&l->lock);
	rc = start(l, c);
	int number = c->number;
	if (rc < 0 && number > 0)
		unlist(l, c);
	else if (rc < 0)
		ssh_channel_destroy(c);
	pthread_mutex_unlock(&l->lock);
	if (rc < 0) {
		close(e.ours);
		close(e.error_read);
		return rc;
	}
	*ret_process = (struct link_process){.fd = e.ours, .error_fd = e.error_read, .number = number};
	return 0;
}

static struct ssh_channel *find(struct ssh_link *l, int number)
{
	for (struct ssh_channel *c = l->first; c != NULL; c = c->next)
		if (c->number == number)
			return c;
	return NULL;
}

static int libssh2_wait(void *state, int number, int *ret_status)
{
	struct ssh_link *l = state;
	pthread_mutex_lock(&l->lock);
	struct ssh_channel *c = find(l, number);
	int rc = c != NULL ? 0 : error_set(PMIG_ENOENT, "there is no command %d", number);
	if (c != NULL) {
		while (c->published != SSH_CHANNEL_ENDED)
			pthread_cond_wait(&l->changed, &l->lock);
		if (c->result < 0)
			rc = error_set(c->result, "%s", c->reason);
		else
			*ret_status = c->status;
		unlist(l, c);
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}

const struct link_driver ssh_libssh2_driver = {
	.version = 1,
	.method = LINK_SSH2,
	.name = "libssh2",
	.open = libssh2_open,
	.close = libssh2_close,
	.exec = libssh2_exec,
	.wait = libssh2_wait,
	.abort = libssh2_abort,
};
