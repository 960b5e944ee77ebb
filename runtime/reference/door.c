/* door: what is asked of the agent, and what accept(2) tells. */
#include "door.h"

#include "../control_channel.h"
#include "reference.h"
#include "replaced.h"
#include "socket_record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 60000

static int ask(enum control_type type, const int64_t args[8], const char *text, int fd, struct control_message *ret,
	int *ret_fd)
{
	*ret_fd = -1;
	int r = control_ask(type, args, text, fd, WAIT_MS, ret, ret_fd);
	if (r < 0 || ret->args[0] >= 0)
		return r;
	if (*ret_fd >= 0)
		(void)close(*ret_fd);
	return error_set((int)ret->args[0], "%.900s", ret->text);
}

int door_open(uint64_t id, int backlog, int *ret_fd, bool *ret_itself)
{
	struct control_message m;
	int fd, r = ask(CONTROL_DOOR, (const int64_t[8]){(int64_t)id, backlog}, "", -1, &m, &fd);
	if (r < 0)
		return r;
	if (fd < 0)
		return error_set(PMIG_EPROTOCOL, "the agent gave no descriptor");
	*ret_fd = fd;
	*ret_itself = m.args[2] != 0;
	return 0;
}

int door_pending(uint64_t id, char ret_label[SOCKET_LABEL_TEXT], int *ret_state)
{
	struct control_message m;
	int fd, r = ask(CONTROL_PENDING, (const int64_t[8]){(int64_t)id}, "", -1, &m, &fd);
	if (r < 0 || fd < 0)
		return r < 0 ? r : 0;
	if (m.size >= SOCKET_LABEL_TEXT) {
		(void)close(fd);
		return error_set(PMIG_EPROTOCOL, "the agent has a label of %u bytes", m.size);
	}
	memcpy(ret_label, m.text, m.size + 1u);
	*ret_state = fd;
	return 1;
}

int door_offer(uint64_t id, const char *label, int state)
{
	struct control_message m;
	int fd, r = ask(CONTROL_OFFER, (const int64_t[8]){(int64_t)id}, label, state, &m, &fd);
	if (fd >= 0)
		(void)close(fd);
	return r < 0 ? r : 0;
}

/* Who connected, if it was our agent who brought it. */
static bool introduced(int fd, struct socket_label *ret)
{
	struct sockaddr_un name;
	struct ucred who;
	socklen_t size = sizeof name, who_size = sizeof who;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_size) == 0 && who.uid == getuid() &&
		getpeername(fd, (struct sockaddr *)&name, &size) == 0 && socket_label_get(&name, size, ret);
}

static struct socket_record record_of(const struct socket_record *listener, const struct socket_label *l)
{
	struct socket_record r = *listener; /* options are inherited: accept(2), "portability notes" */
	struct ucred who = {.pid = (pid_t)l->pid, .uid = l->user, .gid = l->group};
	r.backlog = -1;
	r.shut = 0;
	r.error = 0;
	r.peer = (struct socket_address){.size = l->peer_size, .at = l->peer};
	if (l->peer.ss_family == AF_UNIX)
		(void)socket_record_set(&r, SOL_SOCKET, SO_PEERCRED, &who, sizeof who);
	else
		r.local = (struct socket_address){.size = l->local_size, .at = l->local};
	return r;
}

int pmig_accepted(int listener, int fd, struct sockaddr *ret_address, socklen_t *size, socklen_t room)
{
	const struct socket_record *of = socket_record_of(listener);
	struct socket_label label;
	char locator[SOCKET_LABEL_TEXT];
	if (of == NULL || of->backlog < 0)
		return fd;
	if (!introduced(fd, &label)) {
		(void)close(fd);
		return -ERESTART;
	}
	struct socket_record r = record_of(of, &label);
	socket_address_text(&r, &r.peer, locator);
	if (referred_add(fd, label.id, "socket", locator, &r, sizeof r) < 0) {
		(void)close(fd);
		return -ENOMEM;
	}
	referred_tell(fd);
	if (ret_address != NULL) {
		*size = room;
		socket_address_give(&r.peer, ret_address, size);
	}
	return fd;
}
