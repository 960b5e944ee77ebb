/* door: what is asked of the agent, and what accept(2) tells. */
#include "door.h"

#include "../control_channel.h"
#include "../guard.h"
#include "reference.h"
#include "referred.h"
#include "replaced.h"
#include "socket_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 60000
#define RETURNING_MAX 64

/* Doors at the host of the thing itself. Of this process only, and under GUARD_REFERRED, as `formers`. */
static uint64_t returning[RETURNING_MAX];
static _Atomic size_t returning_n;
static _Atomic bool exchanged; /* a door has been */

/* What was known of a listener whose door has been exchanged: another thread may have taken a connection from the door before. */
struct former {
	struct former *next;
	struct sockaddr_un door;
	struct socket_record record;
};
static struct former *_Atomic formers;

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

int door_open(uint64_t id, int backlog, size_t waiting, int *ret_fd, bool *ret_itself)
{
	struct control_message m;
	int fd, r = ask(CONTROL_DOOR, (const int64_t[8]){(int64_t)id, backlog, (int64_t)waiting}, "", -1, &m, &fd);
	if (r < 0)
		return r;
	if (fd < 0)
		return error_set(PMIG_EPROTOCOL, "the agent gave no descriptor");
	*ret_fd = fd;
	*ret_itself = m.args[2] != 0;
	if (m.args[1] == 1 && returning_n < RETURNING_MAX)
		returning[returning_n++] = id;
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
	r.state = 0;
	r.error = 0;
	r.peer = (struct socket_address){.size = l->peer_size, .at = l->peer};
	if (l->peer.ss_family == AF_UNIX)
		(void)socket_record_set(&r, SOL_SOCKET, SO_PEERCRED, &who, sizeof who);
	else
		r.local = (struct socket_address){.size = l->local_size, .at = l->local};
	return r;
}

/* What `listener` was when `fd` was accepted from it. False: an ordinary one. */
static bool record_then(int listener, int fd, struct socket_record *ret)
{
	struct sockaddr_un name = {0};
	socklen_t size = sizeof name;
	if (formers == NULL && !referred_any())
		return false;
	GUARD(GUARD_REFERRED);
	const struct socket_record *r = socket_record_of(listener);
	const struct former *f = r == NULL && getsockname(fd, (struct sockaddr *)&name, &size) == 0 ? formers : NULL;
	while (f != NULL && memcmp(&f->door, &name, sizeof name) != 0)
		f = f->next;
	if (f != NULL)
		r = &f->record;
	if (r == NULL || r->backlog < 0)
		return false;
	*ret = *r;
	return true;
}

/* --- the thing itself in the place of a door --- */

/* Calls `each` for every descriptor of the process. */
static void each_descriptor(void (*each)(int fd, void *context), void *context)
{
	DIR *d = opendir("/proc/self/fd");
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			each(atoi(e->d_name), context);
	if (d != NULL)
		(void)closedir(d);
}

struct exchange {
	struct stat door;
	int thing, old; /* `old`: the door, without a number that the program knows */
};

static bool is_door(const struct exchange *x, int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && st.st_dev == x->door.st_dev && st.st_ino == x->door.st_ino;
}

static void exchange_number(int fd, void *context)
{
	const struct exchange *x = context;
	if (fd != x->old && is_door(x, fd))
		(void)dup3(x->thing, fd, (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
}

/* What an epoll set waits for under a number of the door: out before the exchange, and in again after it. */
struct member {
	struct member *next;
	int set, fd;
	struct epoll_event event;
};
struct members {
	const struct exchange *exchange;
	struct member *all;
};

static void leave_set(int set, void *context)
{
	struct members *m = context;
	char path[48], link[48] = "", *text = NULL;
	size_t room = 0;
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", set);
	if (readlink(path, link, sizeof link - 1) < 0 || strcmp(link, "anon_inode:[eventpoll]") != 0)
		return;
	(void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", set);
	FILE *f = fopen(path, "re");
	while (f != NULL && getline(&text, &room, f) > 0) {
		struct member one = {.next = m->all, .set = set};
		unsigned long long data;
		if (sscanf(text, "tfd: %d events: %x data: %llx", &one.fd, &one.event.events, &data) != 3 ||
			!is_door(m->exchange, one.fd))
			continue;
		one.event.data.u64 = data;
		struct member *kept = malloc(sizeof *kept);
		if (kept == NULL)
			continue;
		*kept = one;
		m->all = kept;
		(void)epoll_ctl(set, EPOLL_CTL_DEL, one.fd, NULL);
	}
	free(text);
	if (f != NULL)
		(void)fclose(f);
}

static void join_sets(struct members *m)
{
	while (m->all != NULL) {
		struct member *one = m->all;
		m->all = one->next;
		(void)epoll_ctl(one->set, EPOLL_CTL_ADD, one->fd, &one->event);
		free(one);
	}
}

static size_t returning_of(uint64_t id)
{
	size_t i = 0;
	while (i < returning_n && returning[i] != id)
		i++;
	return i;
}

/* The door stands for nothing any more. */
static void forget(int fd, uint64_t id)
{
	GUARD(GUARD_REFERRED);
	struct referred *e = referred_of(fd);
	if (e == NULL || e->id != id)
		return;
	const struct socket_record *r = socket_record_of(fd);
	struct former *f = r != NULL ? calloc(1, sizeof *f) : NULL;
	socklen_t size = sizeof f->door;
	if (f != NULL && getsockname(fd, (struct sockaddr *)&f->door, &size) == 0) {
		f->record = *r;
		f->next = formers;
		formers = f;
	} else {
		free(f);
	}
	referred_drop(e);
}

void door_replace(int fd, int thing, int *ret_old)
{
	struct exchange x = {.thing = thing};
	*ret_old = -1;
	if (fstat(fd, &x.door) < 0)
		return;
	struct members m = {.exchange = &x};
	int flags = fcntl(fd, F_GETFL);
	x.old = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (flags >= 0)
		(void)fcntl(thing, F_SETFL, flags);
	each_descriptor(leave_set, &m);
	each_descriptor(exchange_number, &x);
	join_sets(&m);
	*ret_old = x.old;
}

/* Threads that wait in the door itself wake up. */
static void exchange(int fd, uint64_t id)
{
	int thing, old;
	bool itself;
	if (reference_connect(id, &thing, &itself) < 0)
		return; /* it stays a door */
	forget(fd, id);
	exchanged = true;
	door_replace(fd, thing, &old);
	if (old >= 0) {
		(void)shutdown(old, SHUT_RDWR);
		(void)close(old);
	}
	(void)close(thing);
	reference_drop(id);
}

/* Of threads that come at the same moment one is to exchange it. */
static bool claim(int fd, uint64_t *ret_id)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	GUARD(GUARD_REFERRED);
	const struct referred *e = referred_of(fd);
	if (e == NULL)
		return false;
	size_t i = returning_of(e->id);
	if (i == returning_n || poll(&p, 1, 0) != 0)
		return false;
	*ret_id = e->id;
	returning_n--;
	returning[i] = returning[returning_n];
	return true;
}

void door_settle(int fd)
{
	uint64_t id;
	if (returning_n > 0 && claim(fd, &id))
		exchange(fd, id);
}

/* --- accept(2) --- */

/* Whether a thread was woken because the door in which it waited is there no more. */
static bool is_woken(int listener)
{
	int listens = 0;
	socklen_t size = sizeof listens;
	return exchanged && getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens == 1;
}

int pmig_accepted(int listener, int fd, struct sockaddr *ret_address, socklen_t *size, socklen_t room)
{
	struct socket_record of;
	struct socket_label label;
	char locator[SOCKET_LABEL_TEXT];
	if (fd == -EINVAL && is_woken(listener))
		return -ERESTART;
	if (fd < 0 || !record_then(listener, fd, &of))
		return fd;
	if (!introduced(fd, &label)) {
		(void)close(fd);
		return -ERESTART;
	}
	struct socket_record r = record_of(&of, &label);
	socket_address_text(&r, &r.peer, locator);
	if (referred_accept(fd, label.id, "socket", locator, &r, sizeof r) < 0) {
		(void)close(fd);
		return -ENOMEM;
	}
	door_settle(listener);
	if (ret_address != NULL) {
		*size = room;
		socket_address_give(&r.peer, ret_address, size);
	}
	return fd;
}
