/* agent_connection: options, urgent bytes and breaks of connections that stayed at their host. */
#include "agent_connection.h"
#include "agent_socket.h"
#include "agent_option.h"

#include "../runtime/base/socket_sort.h"
#include "../runtime/reference/socket_note.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OVERHEAD 8192 /* bytes that the kernel counts besides those that are sent */
#define SETTLE_MS 20
#define QUIET_MS 800

int agent_connection_serve(const struct held *h, int *ret_fd)
{
	int fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "%.200s", h->locator);
	if (h->firm)
		agent_connection_firm(h);
	*ret_fd = fd;
	return 0;
}

static void set_number(int fd, int name, int value)
{
	(void)setsockopt(fd, SOL_SOCKET, name, &value, sizeof value);
}

void agent_connection_inline(int fd)
{
	set_number(fd, SO_OOBINLINE, 1);
}

void agent_connection_firm(const struct held *h)
{
	agent_connection_inline(h->fd);
	set_number(h->fd, SO_RCVLOWAT, 1);
}

/* What the program sees of these, its own descriptor does. */
static bool is_local(const struct socket_note *n)
{
	static const int local[] = {SO_OOBINLINE, SO_RCVLOWAT, SO_RCVTIMEO, SO_SNDTIMEO};
	for (size_t i = 0; i < sizeof local / sizeof *local; i++)
		if (n->level == SOL_SOCKET && n->name == local[i])
			return true;
	return false;
}

void agent_connection_side(void *context, const void *note, size_t size)
{
	const struct end *e = context;
	const struct held *h = agent_held(e->agent, e->reference);
	struct socket_note n;
	if (e->opener || h == NULL || h->fd < 0 || !socket_note_get(note, size, &n))
		return;
	if (!is_local(&n)) /* the program was told what this host's like says of it */
		agent_option_set(h->fd, note, size);
}

/* Nothing tells how many datagrams the queue of another's unix socket has room for, and none may be lost. */
static bool is_unix_datagram(const struct held *h)
{
	int domain = 0;
	socklen_t length = sizeof domain;
	return h->kind == REFERENCE_DATAGRAM && getsockopt(h->fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
		domain == AF_UNIX;
}

bool agent_connection_takes(const struct held *h, size_t size)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	socklen_t length = sizeof memory;
	if (size == 0)
		return true;
	if (is_unix_datagram(h))
		return false;
	if (getsockopt(h->fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0)
		return false;
	uint32_t queued = memory[SK_MEMINFO_WMEM_QUEUED] > memory[SK_MEMINFO_WMEM_ALLOC] ? memory[SK_MEMINFO_WMEM_QUEUED]
											 : memory[SK_MEMINFO_WMEM_ALLOC];
	return queued + 2 * (uint64_t)size + OVERHEAD <= memory[SK_MEMINFO_SNDBUF];
}

void agent_connection_return(struct agent *a)
{
	for (struct end *e = agent_references(a)->ends, *next; e != NULL; e = next) {
		next = e->next;
		if (!e->returning)
			continue;
		struct end *holder = agent_end(a, e->id, false);
		if (holder != NULL)
			channel_rest_write(e->channel, holder->channel);
		agent_end_drop(e);
	}
}

static bool all_taken(struct agent *a)
{
	bool taken = true;
	for (struct end *e = agent_references(a)->ends; e != NULL; e = e->next)
		if (e->opener && (e->connection || e->messages) && e->local == NULL && !e->waits) {
			channel_hold(e->channel, false);
			taken &= channel_taken(e->channel);
		}
	return taken;
}

void agent_connection_settle(struct agent *a)
{
	for (int i = 0; i < SETTLE_MS && !all_taken(a); i++)
		(void)poll(NULL, 0, 1);
}

static void on_noisy(void *context)
{
	struct agent *a = context;
	for (struct end *e = agent_references(a)->ends; e != NULL; e = e->next)
		if (!e->opener && (e->connection || e->messages))
			channel_pause(e->channel, false);
}

int agent_do_quiet(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)request;
	(void)ret_answer;
	struct agent_references *r = agent_references(a);
	for (struct end *e = r->ends; e != NULL; e = e->next)
		if (!e->opener && (e->connection || e->messages))
			channel_pause(e->channel, true);
	return r->quiet != NULL ? 0 : loop_after(a->loop, QUIET_MS, on_noisy, a, &r->quiet);
}

/* A unix socket whose other side is closed with a byte unread says ECONNRESET: the byte is sent from the program's own side, which is
 * borrowed for that moment. unix(7), pidfd_getfd(2) */
void agent_connection_break(struct end *e)
{
	struct stat st;
	struct socket_unix u;
	int ours = channel_descriptor(e->channel);
	if (!e->opener || e->agent->pid <= 0 || fstat(ours, &st) < 0 || !socket_unix_look(st.st_ino, &u) || u.peer == 0)
		return;
	int theirs = agent_socket_borrow(e->agent->pid, u.peer);
	if (theirs < 0)
		return;
	(void)send(theirs, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(theirs);
}
