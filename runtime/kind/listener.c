/* listener: a socket without a peer: one that listens, one that takes datagrams from anybody, a new one. Its address says where the
 * program is to be found, and that is where it runs: undeclared it is by type, closed here and opened again at the target, at the same
 * address, or the next free port. Nobody is connected to it; who is, is connected by a socket of its own (socket.c), or waits to be
 * accepted, and then the program is not moved. By identifier its clients would have to be led here: a reference, which does not exist. */
#include "../base/error.h"
#include "../base/socket_sort.h"
#include "../resource/sharing.h"
#include "socket_options.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pmig/kind.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PORTS 100 /* that are tried */

static int match(const struct pmig_resource *r)
{
	return S_ISSOCK(r->st.st_mode) && (r->flags & O_PATH) == 0 && socket_sort_of(r->fd) == SOCKET_ALONE;
}

static int number(int fd, int level, int name)
{
	int value = 0;
	socklen_t size = sizeof value;
	(void)getsockopt(fd, level, name, &value, &size);
	return value;
}

static bool listens(int fd)
{
	return number(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
}

/* Connections that wait to be accepted would be broken off, and datagrams of a unix socket lost, which no sender expects. UDP may
 * lose any at any time, and it is sent again by who wants to be sure. */
static int check_waiting(const struct pmig_resource *r)
{
	int bytes = 0;
	if (listens(r->fd)) {
		struct pollfd p = {.fd = r->fd, .events = POLLIN};
		if (poll(&p, 1, 0) > 0)
			return error_set(PMIG_EREFUSED, "a client waits to be accepted; move again when it has been served");
	} else if (number(r->fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX && ioctl(r->fd, FIONREAD, &bytes) == 0 && bytes > 0) {
		return error_set(PMIG_EREFUSED, "datagrams wait in it to be read; move again when they have been");
	}
	return 0;
}

static int describe(struct pmig_resource *r)
{
	sharing_describe(r, false);
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_TYPE;
		r->declaration.attachment = PMIG_FIXED;
	}
	const char *hidden = socket_options_hidden(&r->st);
	if (hidden != NULL)
		return error_set(PMIG_EREFUSED, "%s, which is not carried", hidden);
	return check_waiting(r);
}

/* `state`: the socket's file, which goes when it does. */
struct name {
	dev_t device;
	ino_t inode;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
};

/* NULL: it has none. */
static struct name *name_of(const char *path, struct stat *ret_st)
{
	struct name *n = path != NULL && lstat(path, ret_st) == 0 ? malloc(sizeof *n) : NULL;
	if (n != NULL) {
		*n = (struct name){.device = ret_st->st_dev, .inode = ret_st->st_ino};
		(void)snprintf(n->path, sizeof n->path, "%s", path);
	}
	return n;
}

/* The name of a unix socket in the file system. */
static const char *path_of(const struct socket_place *p)
{
	const struct sockaddr_un *a = (const void *)&p->address;
	return p->family == AF_UNIX && p->size > 0 && a->sun_path[0] != '\0' ? a->sun_path : NULL;
}

static int backlog_of(const struct pmig_resource *r, int family)
{
	struct tcp_info info;
	struct socket_unix u;
	socklen_t size = sizeof info;
	if (family == AF_UNIX)
		return socket_unix_look(r->st.st_ino, &u) ? (int)u.backlog : SOMAXCONN;
	return getsockopt(r->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? (int)info.tcpi_sacked : SOMAXCONN;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	char text[SOCKET_TEXT_MAX];
	struct socket_place p;
	struct stat st = {0};
	socket_text(r->fd, text);
	int family = number(r->fd, SOL_SOCKET, SO_DOMAIN), e = socket_parse(text, &p);
	if (e < 0)
		return e;
	r->state = name_of(path_of(&p), &st);
	pmig_write_number(w, (uint64_t)family);
	pmig_write_text(w, text);
	pmig_write_number(w, listens(r->fd) ? (uint64_t)backlog_of(r, family) + 1 : 0);
	pmig_write_number(w, st.st_mode & 07777);
	return socket_options_save(r->fd, w);
}

/* A socket file that nobody listens at any more. */
static bool is_left_behind(const struct socket_place *p)
{
	struct stat st;
	const char *path = path_of(p);
	if (path == NULL || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	int fd = socket(AF_UNIX, p->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)&p->address, p->size) < 0 && errno == ECONNREFUSED;
	if (fd >= 0)
		(void)close(fd);
	return refused;
}

static bool next_port(struct socket_place *p)
{
	struct sockaddr_in *a = (void *)&p->address; /* the port lies in the same place in sockaddr_in6 */
	if (p->family == AF_UNIX || ntohs(a->sin_port) == 65535)
		return false;
	a->sin_port = htons((uint16_t)(ntohs(a->sin_port) + 1));
	return true;
}

static bool is_free(int fd, struct socket_place *p, int backlog)
{
	return bind(fd, (const struct sockaddr *)&p->address, p->size) == 0 &&
		(backlog == 0 || listen(fd, backlog - 1) == 0);
}

/* What of earlier connections lingers in the kernel is in nobody's way: SO_REUSEADDR in socket(7). Of datagrams it would take
 * another program's. */
static int open_at(struct pmig_resource *r, struct socket_place *p, int backlog)
{
	char text[SOCKET_TEXT_MAX];
	int before = number(r->fd, SOL_SOCKET, SO_REUSEADDR), yes = 1;
	bool stream = p->type == SOCK_STREAM;
	if (p->size == 0)
		return 0;
	if (stream)
		(void)setsockopt(r->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (is_left_behind(p))
		(void)unlink(path_of(p));
	bool done = is_free(r->fd, p, backlog);
	for (int i = 0; !done && errno == EADDRINUSE && i < PORTS && next_port(p); i++)
		done = is_free(r->fd, p, backlog);
	int error = errno;
	if (stream)
		(void)setsockopt(r->fd, SOL_SOCKET, SO_REUSEADDR, &before, sizeof before);
	socket_place_text(p, text);
	return done ? 0 : error_errno(PMIG_EREFUSED, error, "%s cannot be had here", text);
}

static int rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	struct socket_place p;
	struct stat st;
	int family = (int)pmig_read_number(in);
	const char *text = pmig_read_text(in), *there = r->there != NULL && r->there[0] != '\0' ? r->there : text;
	int backlog = (int)pmig_read_number(in);
	mode_t mode = (mode_t)pmig_read_number(in);
	int e = pmig_read_check(in);
	if (e >= 0)
		e = socket_parse(there, &p);
	if (e < 0)
		return e;
	r->fd = socket(p.family != 0 ? p.family : family, p.type | SOCK_CLOEXEC, p.protocol);
	if (r->fd < 0)
		return error_errno(PMIG_EREFUSED, errno, "%s cannot be had here", there);
	e = socket_options_restore(r->fd, in);
	if (e >= 0)
		e = open_at(r, &p, backlog);
	const char *path = e >= 0 ? path_of(&p) : NULL;
	if (path != NULL)
		(void)chmod(path, mode);
	r->state = name_of(path, &st);
	return e;
}

/* One that somebody else has made since stays. */
static int remove_name(struct pmig_resource *r)
{
	struct name *n = r->state;
	struct stat st;
	if (n != NULL && lstat(n->path, &st) == 0 && st.st_dev == n->device && st.st_ino == n->inode)
		(void)unlink(n->path);
	free(n);
	r->state = NULL;
	return 0;
}

static void settle(struct pmig_resource *r)
{
	free(r->state);
	r->state = NULL;
}

const struct pmig_kind kind_listener = {
	.version = PMIG_KIND_VERSION,
	.name = "listener",
	.about = "a socket without a peer: by type, opened again at the same address or the next free port",
	.match = match,
	.describe = describe,
	.save = save,
	.rebind = rebind,
	.undo = remove_name,
	.release = remove_name,
	.settle = settle,
};
