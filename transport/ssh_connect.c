/* ssh_connect: name to connected socket, within a time and interruptible. */
#include "ssh_session.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOST_AFTER_MS 20000 /* unacknowledged data for so long: the way is broken */

/* One question to the name service, which cannot be interrupted: a thread of its own asks, and whoever comes last (the
 * thread with its answer, or the caller who gave up) frees it. */
struct query {
	char host[256], port[8];
	int flags;
	int done; /* eventfd */
	int error;
	struct addrinfo *list;
	atomic_bool left; /* one of the two has */
};

static void leave(struct query *q)
{
	if (!atomic_exchange(&q->left, true))
		return;
	if (q->list != NULL)
		freeaddrinfo(q->list);
	close(q->done);
	free(q);
}

static void ask(struct query *q)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = q->flags};
	q->error = getaddrinfo(q->host, q->port, &hints, &q->list);
}

static void *ask_apart(void *argument)
{
	struct query *q = argument;
	uint64_t one = 1;
	ask(q);
	(void)!write(q->done, &one, sizeof one);
	leave(q);
	return NULL;
}

static int start_thread(struct query *q)
{
	pthread_t thread;
	pthread_attr_t detached;
	sigset_t all, old;
	sigfillset(&all);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int number = pthread_create(&thread, &detached, ask_apart, q);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&detached);
	return number == 0 ? 0 : error_errno(PMIG_EIO, number, "cannot start a thread");
}

/* Waits until `fd` is ready for `events`. */
static int await(int fd, short events, const struct ssh_deadline *d, const char *what)
{
	for (;;) {
		int64_t left = d->at_ms - ssh_session_now_ms();
		struct pollfd p[] = {{.fd = fd, .events = events}, {.fd = d->stop_fd, .events = POLLIN}};
		int n = poll(p, 2, left > 0 ? (int)left : 0);
		if (n < 0 && errno != EINTR)
			return error_errno(PMIG_EIO, errno, "cannot wait while %s", what);
		if (n == 0)
			return error_set(PMIG_ETIMEOUT, "no answer in time while %s", what);
		if (n > 0 && p[1].revents != 0)
			return error_set(PMIG_ECANCELLED, "stopped while %s", what);
		if (n > 0 && p[0].revents != 0)
			return 0;
	}
}

static int resolve(const struct link_target *t, const struct ssh_deadline *d, struct addrinfo **ret_list)
{
	struct query *q = calloc(1, sizeof *q);
	if (q == NULL)
		return error_set(PMIG_ENOMEM, "not enough memory");
	(void)snprintf(q->host, sizeof q->host, "%s", t->host);
	(void)snprintf(q->port, sizeof q->port, "%u", t->port != 0 ? t->port : 22);
	q->done = eventfd(0, EFD_CLOEXEC);
	q->flags = AI_NUMERICHOST; /* an address needs nobody to ask */
	ask(q);
	int rc = q->done < 0 ? error_errno(PMIG_EIO, errno, "cannot make an eventfd") : 0;
	bool apart = rc >= 0 && q->error == EAI_NONAME;
	if (apart) {
		q->flags = AI_ADDRCONFIG;
		rc = start_thread(q);
		apart = rc >= 0;
	}
	uint64_t count;
	if (!apart)
		q->left = true;
	else if ((rc = await(q->done, POLLIN, d, "resolving the name")) >= 0)
		(void)!read(q->done, &count, sizeof count);
	if (rc >= 0 && q->error != 0)
		rc = error_set(PMIG_EUNREACHED, "cannot resolve the name: %s", gai_strerror(q->error));
	if (rc >= 0) {
		*ret_list = q->list;
		q->list = NULL;
	}
	leave(q);
	return rc;
}

static int await_connection(int fd, const struct ssh_deadline *d)
{
	int rc = await(fd, POLLOUT, d, "connecting");
	if (rc < 0)
		return rc;
	int number = 0;
	socklen_t size = sizeof number;
	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size);
	if (number != 0)
		return error_set(PMIG_EUNREACHED, "%s", strerrordesc_np(number));
	return 0;
}

static void tune(int fd)
{
	int yes = 1;
	unsigned lost = LOST_AFTER_MS;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &lost, sizeof lost);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
}

static int connect_one(const struct addrinfo *a, const struct ssh_deadline *d, int *ret_socket)
{
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "cannot make a socket");
	int rc = 0;
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
		if (errno == EINPROGRESS)
			rc = await_connection(fd, d);
		else
			rc = error_set(PMIG_EUNREACHED, "%s", strerrordesc_np(errno));
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	tune(fd);
	*ret_socket = fd;
	return 0;
}

/* "no route to host (10.0.0.2, port 22)": the words of the system in lower case, as the other sentences. */
static int name_address(int rc, const struct addrinfo *a)
{
	char address[64] = "?", port[8] = "?", words[PMIG_REASON_MAX];
	(void)getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, port, sizeof port,
		NI_NUMERICHOST | NI_NUMERICSERV);
	(void)snprintf(words, sizeof words, "%s", pmig_reason());
	if (words[0] >= 'A' && words[0] <= 'Z')
		words[0] = (char)(words[0] - 'A' + 'a');
	return error_set(rc, "%.900s (%s, port %s)", words, address, port);
}

int ssh_connect(const struct link_target *t, const struct ssh_deadline *d, int *ret_socket)
{
	struct addrinfo *list = NULL;
	int rc = resolve(t, d, &list);
	if (rc < 0)
		return rc;
	rc = error_set(PMIG_EUNREACHED, "the name has no address");
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		rc = connect_one(a, d, ret_socket);
		if (rc >= 0)
			break;
		rc = name_address(rc, a);
		if (rc == PMIG_ECANCELLED || rc == PMIG_ETIMEOUT)
			break;
	}
	freeaddrinfo(list);
	return rc;
}
