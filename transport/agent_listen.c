/* agent_listen: addresses at this host that lead to one that is held elsewhere: each connection is a channel. */
#include "agent_reference.h"
#include "loopback_user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64
#define PAUSE_MS 100 /* when there are no more descriptors */

struct listener {
	struct listener *next;
	struct agent *agent;
	uint64_t reference;
	int fd;
	struct loop_source *source, *again;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)]; /* "": not of this file system */
};

static void drop(struct listener *l)
{
	loop_remove(&l->source);
	loop_remove(&l->again);
	if (l->path[0] != '\0')
		(void)unlink(l->path);
	(void)close(l->fd);
	free(l);
}

void agent_listen_end(struct agent *a)
{
	struct agent_references *r = agent_references(a);
	while (r->listeners != NULL) {
		struct listener *l = r->listeners;
		r->listeners = l->next;
		drop(l);
	}
	r->listener_count = 0;
}

static bool allowed(const struct listener *l, int fd)
{
	struct ucred who;
	socklen_t size = sizeof who;
	long user = -1;
	if (l->path[0] == '\0')
		user = loopback_user(fd);
	else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0)
		user = (long)who.uid;
	return user == (long)getuid() || user == 0;
}

static void on_again(void *context)
{
	struct listener *l = context;
	loop_watch(l->source, POLLIN);
}

static void on_connection(void *context, short events)
{
	(void)events;
	struct listener *l = context;
	int one = 1, fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	struct end *e;
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE) { /* it would be told without a pause */
			loop_watch(l->source, 0);
			(void)loop_after(l->agent->loop, PAUSE_MS, on_again, l, &l->again);
		}
		return;
	}
	if (!allowed(l, fd)) {
		(void)close(fd);
		return;
	}
	if (l->path[0] == '\0')
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (agent_end_create(l->agent,
		    &(struct end_options){.reference = l->reference, .opener = true, .fd = fd, .state = -1}, &e) >= 0)
		agent_end_ask(e);
}

static int add(struct agent *a, uint64_t reference, int fd, const char *path)
{
	struct agent_references *r = agent_references(a);
	struct listener *l = calloc(1, sizeof *l);
	if (l == NULL || listen(fd, BACKLOG) < 0) {
		free(l);
		(void)close(fd);
		return error_set(PMIG_EIO, "agent: nothing can listen");
	}
	*l = (struct listener){.next = r->listeners, .agent = a, .reference = reference, .fd = fd};
	(void)snprintf(l->path, sizeof l->path, "%s", path);
	int rc = loop_add(a->loop, fd, POLLIN, on_connection, l, &l->source);
	if (rc < 0) {
		drop(l);
		return rc;
	}
	r->listeners = l;
	r->listener_count++;
	return 0;
}

static bool listens(struct agent *a, const char *path)
{
	const struct listener *l = agent_references(a)->listeners;
	while (l != NULL && strcmp(l->path, path) != 0)
		l = l->next;
	return l != NULL;
}

/* In the place where the program is used to find it, or under the state directory. */
static int listen_path(struct agent *a, uint64_t reference, const char *wanted, char *ret_address, size_t size)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char id[CHANNEL_ID_TEXT], path[PATH_MAX];
	channel_id_text(reference, id);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int bound = -1;
	if (fd >= 0)
		(void)fchmod(fd,
			0600); /* before bind(), which makes it so; umask() would be that of all threads: servers create files */
	(void)snprintf(path, sizeof path, "%s", wanted);
	for (int i = 0; i < 2 && fd >= 0 && bound < 0; i++) {
		if (i == 1)
			(void)snprintf(path, sizeof path, "%s/run/%s.ref", a->options->state, id);
		if (i == 1 && !listens(a, path))
			(void)unlink(path); /* of an agent that was killed: nobody else has such a name */
		if (strlen(path) >= sizeof un.sun_path)
			continue;
		(void)snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
		bound = bind(fd, (struct sockaddr *)&un, sizeof un); /* what exists stays as it is */
	}
	if (bound < 0) {
		int r = error_errno(PMIG_EREFUSED, errno, "%.200s", wanted);
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	(void)snprintf(ret_address, size, "%s", un.sun_path);
	return add(a, reference, fd, un.sun_path);
}

int agent_listen(struct agent *a, uint64_t reference, const char *wanted, char *ret_address, size_t size)
{
	struct sockaddr_storage address;
	socklen_t length;
	int r = agent_serve_parse(wanted, &address, &length), one = 1;
	if (r < 0)
		return r;
	if (agent_references(a)->listener_count >= LISTENERS_MAX)
		return error_set(PMIG_EREFUSED, "more than %d addresses at once", LISTENERS_MAX);
	if (address.ss_family == AF_UNIX)
		return listen_path(a, reference, wanted, ret_address, size);
	bool six = address.ss_family == AF_INET6;
	struct sockaddr_in *in = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
	if (six)
		in6->sin6_addr = in6addr_loopback;
	else
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "%.200s", wanted);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&address, length) < 0) {
		if (six)
			in6->sin6_port = 0;
		else
			in->sin_port = 0;
		if (bind(fd, (struct sockaddr *)&address, length) < 0)
			r = error_errno(PMIG_EREFUSED, errno, "%.200s", wanted);
	}
	length = sizeof address;
	if (r >= 0 && getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		r = error_errno(PMIG_EIO, errno, "%.200s", wanted);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	(void)snprintf(ret_address, size, six ? "[::1]:%u" : "127.0.0.1:%u", ntohs(six ? in6->sin6_port : in->sin_port));
	return add(a, reference, fd, "");
}
