/* ssh_connect: name to connected socket, within a time and interruptible. */
#include "ssh_session.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOST_AFTER_MS 20000 /* unacknowledged data for so long: the way is broken */
#define RESOLVE_SLICE_MS 50

static bool stopped(const struct ssh_deadline *d)
{
	struct pollfd p = {.fd = d->stop_fd, .events = POLLIN};
	return poll(&p, 1, 0) > 0;
}

/* One request on the heap: a resolver that cannot be cancelled goes on writing to it after we gave up. */
struct query {
	struct gaicb gai;
	struct addrinfo hints;
	char host[256], port[8];
};

static int resolve(const struct link_target *t, const struct ssh_deadline *d, struct addrinfo **ret_list)
{
	struct query *q = calloc(1, sizeof *q);
	if (q == NULL)
		return error_set(PMIG_ENOMEM, "not enough memory");
	(void)snprintf(q->host, sizeof q->host, "%s", t->host);
	(void)snprintf(q->port, sizeof q->port, "%u", t->port != 0 ? t->port : 22);
	q->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	q->gai = (struct gaicb){.ar_name = q->host, .ar_service = q->port, .ar_request = &q->hints};
	struct gaicb *list[] = {&q->gai};
	int e = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
	if (e != 0) {
		free(q);
		return error_set(PMIG_EUNREACHED, "cannot resolve the name: %s", gai_strerror(e));
	}
	int rc = 0;
	while ((e = gai_error(&q->gai)) == EAI_INPROGRESS && rc == 0) {
		struct timespec slice = {.tv_nsec = RESOLVE_SLICE_MS * 1000000L};
		(void)gai_suspend((const struct gaicb *const *)list, 1, &slice);
		if (stopped(d))
			rc = error_set(PMIG_ECANCELLED, "stopped while resolving the name");
		else if (ssh_session_now_ms() >= d->at_ms)
			rc = error_set(PMIG_ETIMEOUT, "no answer from the name service in time");
	}
	if (rc < 0) {
		if (gai_cancel(&q->gai) == EAI_CANCELED)
			free(q);
		return rc;
	}
	if (e == 0)
		*ret_list = q->gai.ar_result;
	else
		rc = error_set(PMIG_EUNREACHED, "cannot resolve the name: %s", gai_strerror(e));
	free(q);
	return rc;
}

static int await_connection(int fd, const struct ssh_deadline *d)
{
	for (;;) {
		int64_t left = d->at_ms - ssh_session_now_ms();
		struct pollfd p[] = {{.fd = fd, .events = POLLOUT}, {.fd = d->stop_fd, .events = POLLIN}};
		int n = poll(p, 2, left > 0 ? (int)left : 0);
		if (n < 0 && errno != EINTR)
			return error_errno(PMIG_EIO, errno, "cannot wait for the connection");
		if (n == 0)
			return error_set(PMIG_ETIMEOUT, "no answer in time");
		if (n > 0 && p[1].revents != 0)
			return error_set(PMIG_ECANCELLED, "stopped while connecting");
		if (n > 0 && p[0].revents != 0)
			break;
	}
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
