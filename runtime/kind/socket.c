/* socket: a connection: TCP or unix, accepted or made by the program. Its peer knows nothing of moves, so the socket stays at its host, held
 * and used from wherever the program is: a reference. In the program its number is a unix socket then, and what that cannot answer is in
 * its record (socket_record.h). Back at its host the program has the socket itself again. */
#include "../base/socket_sort.h"
#include "../reference/reference.h"
#include "../reference/socket_record.h"
#include "relay.h"
#include "socket_options.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME_MAX_ALL (2 * SOCKET_TEXT_MAX + 32)

/* What save() writes first. */
enum form {
	LIVE = 1, /* held under a number, with the bytes that are under way */
	OVER,     /* it has ended in both directions; the bytes are what the program has not read */
	BROKEN    /* the same, and then ECONNRESET */
};

static int match(const struct pmig_resource *r)
{
	return S_ISSOCK(r->st.st_mode) || referred_as(r, "socket");
}

/* With whom it is connected; until the next one is asked for. */
static const char *name_of(const struct socket_record *record)
{
	static char name[NAME_MAX_ALL];
	char own[SOCKET_TEXT_MAX], other[SOCKET_TEXT_MAX];
	socket_address_text(record, &record->local, own);
	socket_address_text(record, &record->peer, other);
	bool known = record->peer.size > sizeof(sa_family_t);
	(void)snprintf(name, sizeof name, "%s%s%s%s", known ? "connection " : "", own, known ? " to " : "",
		known ? strchr(other, ' ') != NULL ? strchr(other, ' ') + 1 : other : "");
	return name;
}

/* The record of r, be it here or elsewhere already. */
static int record_of(const struct pmig_resource *r, struct socket_record *ret)
{
	const struct socket_record *known = socket_record_find(&r->st);
	if (known == NULL)
		return socket_record_look(r->fd, ret);
	*ret = *known;
	return 0;
}

static int describe(struct pmig_resource *r)
{
	struct socket_record record;
	struct pollfd p = {.fd = r->fd, .events = POLLOUT};
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_FIXED;
	}
	if ((r->flags & O_PATH) != 0 || record_of(r, &record) < 0)
		return error_set(PMIG_EREFUSED, "no kind knows how to carry such a socket; close it before the safe point");
	if (r->declaration.name == NULL)
		r->declaration.name = name_of(&record);
	if (record.type != SOCK_STREAM || record.backlog >= 0)
		return error_set(PMIG_EREFUSED, "no kind knows how to carry such a socket; close it before the safe point");
	if (socket_record_find(&r->st) == NULL && record.peer.size == 0 && poll(&p, 1, 0) == 0)
		return error_set(PMIG_EREFUSED, "it is being connected; move again when it has been");
	return 0;
}

/* What the program has not read of one that has ended stays where it is: the hand-over may be given up. */
static int unread_of(int fd, int *ret_file)
{
	int size = 0, file = memfd_create("connection", MFD_CLOEXEC);
	char *bytes = file >= 0 && ioctl(fd, FIONREAD, &size) == 0 ? malloc((size_t)size + 1) : NULL;
	ssize_t n = bytes != NULL && size > 0 ? recv(fd, bytes, (size_t)size, MSG_PEEK | MSG_DONTWAIT) : 0;
	bool done = bytes != NULL && n == size && write(file, bytes, (size_t)n) == n;
	free(bytes);
	if (!done) {
		if (file >= 0)
			(void)close(file);
		return error_set(PMIG_EIO, "what the program has not read of it cannot be kept");
	}
	*ret_file = file;
	return 0;
}

static bool is_broken(int fd)
{
	struct pollfd p = {.fd = fd};
	return poll(&p, 1, 0) > 0 && (p.revents & POLLERR) != 0;
}

/* *ret_state: a file, or -1. */
static int hold(struct pmig_resource *r, struct socket_record *record, enum form *ret_form, int *ret_state)
{
	const struct referred *e = referred_find(&r->st);
	*ret_form = LIVE;
	if (e == NULL)
		return reference_keep(REFERENCE_CONNECTION, r->fd, name_of(record), &r->reference);
	r->reference = e->id;
	int error = reference_suspend(e->id, r->fd, ret_state);
	if (error != PMIG_EGONE)
		return error;
	*ret_form = is_broken(r->fd) ? BROKEN : OVER;
	return unread_of(r->fd, ret_state);
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	struct socket_record record;
	enum form form = LIVE;
	int state = -1, error = record_of(r, &record);
	if (error >= 0)
		error = hold(r, &record, &form, &state);
	if (error < 0)
		return error;
	pmig_write_number(w, form);
	return socket_record_write_held(w, r->reference, &record, state);
}

/* A socket whose other side has sent `bytes`, and is closed: as one that has ended, or been reset. */
static int make_over(const void *bytes, uint64_t size, bool broken, int *ret_fd)
{
	int ends[2], room = (int)(size + 4096);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(PMIG_EIO, errno, "no pair of sockets can be made");
	(void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	bool sent = size == 0 || send(ends[1], bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
	if (broken) /* unread when it is closed: unix(7) */
		sent = send(ends[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 && sent;
	(void)close(ends[1]);
	if (!sent) {
		(void)close(ends[0]);
		return error_set(PMIG_EIO, "its %llu unread bytes cannot be kept here", (unsigned long long)size);
	}
	*ret_fd = ends[0];
	return 0;
}

/* What the number here does by itself. */
static void set_local(const struct socket_record *record, int fd)
{
	static const int names[] = {SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT, SO_OOBINLINE, SO_PASSCRED, SO_LINGER};
	for (uint32_t i = 0; i < record->option_count; i++)
		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			if (record->options[i].level == SOL_SOCKET && record->options[i].name == names[k])
				(void)socket_options_put(fd, &record->options[i]);
}

static int open_live(struct pmig_resource *r, uint64_t id, const void *bytes, uint64_t size, bool *ret_itself)
{
	if (size > REFERENCE_STATE_MAX)
		return error_set(PMIG_ECORRUPT, "%llu bytes are said to be under way", (unsigned long long)size);
	int state = size > 0 ? relay_state_file(bytes, size) : -1;
	if (size > 0 && state < 0)
		return state;
	int e = reference_connected(id, state, &r->fd, ret_itself);
	if (state >= 0)
		(void)close(state);
	return e;
}

static int refer(struct pmig_resource *r, struct pmig_reader *in)
{
	struct socket_record record;
	bool itself = false;
	uint64_t form = pmig_read_number(in), id = pmig_read_number(in), size;
	int e = socket_record_read(in, &record);
	const void *bytes = pmig_read_content(in, &size);
	if (e >= 0)
		e = pmig_read_check(in);
	if (e < 0)
		return e;
	e = form == LIVE ? open_live(r, id, bytes, size, &itself) : make_over(bytes, size, form == BROKEN, &r->fd);
	if (e < 0)
		return e;
	r->reference = itself ? 0 : id;
	if (itself) {
		socket_record_apply(&record, r->fd);
		return 0;
	}
	set_local(&record, r->fd);
	return referred_add(r->fd, id, r->kind->name, name_of(&record), &record, sizeof record);
}

const struct pmig_kind kind_socket = {
	.version = PMIG_KIND_VERSION,
	.name = "socket",
	.about = "a connection, which stays at its host and is used from elsewhere",
	.match = match,
	.describe = describe,
	.save = save,
	.refer = refer,
};
