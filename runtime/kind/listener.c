/* listener: a socket without a peer: one that listens, or a new one; by type also one of datagrams.
 *
 * By identifier, which is what one that listens is undeclared, it stays where it is: its host's agent accepts at the old address, and what
 * comes in comes in at the target too, by a door (reference/door.h), those that waited to be accepted included. Back at its host the program has
 * the socket itself. By type the address says where the program runs: it is closed here and opened again at the target, at the same address or the next
 * free port, as long as nobody waits to be accepted. */
#include "../base/error.h"
#include "../base/socket_sort.h"
#include "../every.h"
#include "../reference/door.h"
#include "../reference/reference.h"
#include "../reference/referred.h"
#include "../reference/socket_record.h"
#include "../resource/planned.h"
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
#include <sys/mman.h>
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

/* Connections that wait to be accepted would be broken off, and datagrams of a unix socket lost, which no sender expects, unless the
 * declaration knows better. UDP may lose any at any time, and it is sent again by who wants to be sure. */
static int check_waiting(const struct pmig_resource *r)
{
	int bytes = 0;
	if ((r->declaration.consent & PMIG_LOSS) != 0)
		return 0;
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
		bool stream = number(r->fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM; /* packets would lose their boundaries */
		r->declaration.binding = listens(r->fd) && stream ? PMIG_BY_IDENTIFIER : PMIG_BY_TYPE;
		r->declaration.attachment = PMIG_FIXED;
	}
	/* where nobody planned, it is saved for later or for here: the same address at this host */
	r->kept = r->declaration.binding == PMIG_BY_IDENTIFIER && !planned_exists() && referred_find(&r->st) == NULL;
	const char *hidden = socket_options_hidden(&r->st);
	return hidden != NULL ? error_set(PMIG_EREFUSED, "%s, which is not carried", hidden) : 0;
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

struct pending {
	struct pending *next;
	int state;
	char label[SOCKET_LABEL_TEXT];
};

/* All that came in and was not accepted, in its order. */
static int gather_pending(uint64_t id, struct pending **ret, uint64_t *ret_n)
{
	struct pending **last = ret;
	for (*ret_n = 0;; ++*ret_n) {
		struct pending *p = calloc(1, sizeof *p);
		int e = p != NULL ? door_pending(id, p->label, &p->state)
				  : error_set(PMIG_ENOMEM, "no memory for connections");
		if (e <= 0) {
			free(p);
			return e;
		}
		*last = p;
		last = &p->next;
	}
}

static int save_pending(uint64_t id, struct pmig_writer *w)
{
	struct pending *all = NULL;
	struct stat st;
	uint64_t n;
	int e = gather_pending(id, &all, &n);
	pmig_write_number(w, n);
	while (all != NULL) {
		struct pending *p = all;
		all = p->next;
		pmig_write_text(w, p->label);
		if (e >= 0)
			e = fstat(p->state, &st) < 0 ? error_errno(PMIG_EIO, errno, "what is under way")
						     : pmig_write_content(w, p->state, (uint64_t)st.st_size);
		(void)close(p->state);
		free(p);
	}
	return e;
}

static int save_reference(struct pmig_resource *r, struct pmig_writer *w)
{
	const struct referred *known = referred_find(&r->st);
	struct socket_record *own = socket_record_find(&r->st), record;
	struct socket_place p;
	struct stat st = {0};
	char text[SOCKET_TEXT_MAX];
	int e = 0;
	if (own != NULL)
		record = *own;
	else
		e = socket_record_look(r->fd, &record);
	if (e >= 0 && record.type != SOCK_STREAM && !r->kept)
		e = error_set(PMIG_EREFUSED,
			"it accepts packets, which are not led on; by type it would listen at the target");
	if (e < 0)
		return e;
	if (own == NULL && record.backlog >= 0)
		record.backlog = backlog_of(r, record.family);
	socket_address_text(&record, &record.local, text);
	if (own != NULL)
		r->reference = known->id;
	if (own != NULL)
		e = reference_carry(r->reference);
	else if (r->kept && !every_mode) /* in test mode the server is continued at once: its clients come again */
		e = check_waiting(r);
	else if (!r->kept)
		e = reference_keep(REFERENCE_LISTENER, r->fd, text, &r->reference);
	pmig_write_number(w, r->reference);
	pmig_write_text(w, text);
	if (own == NULL && socket_parse(text, &p) >= 0 && path_of(&p) != NULL)
		(void)lstat(path_of(&p), &st);
	pmig_write_number(w, st.st_mode & 07777);
	socket_record_write(w, &record);
	if (e >= 0 && own != NULL)
		return save_pending(r->reference, w);
	pmig_write_number(w, 0); /* here it is the kernel's */
	return e;
}

/* By type, and so far it had to stay elsewhere: now it is opened at the target, and its old address is given up. */
static int save_settled(struct pmig_resource *r, struct pmig_writer *w, const struct socket_record *record)
{
	char text[SOCKET_TEXT_MAX];
	int e = check_waiting(r), fd = socket(record->family, record->type | SOCK_CLOEXEC, record->protocol);
	if (e < 0 || fd < 0) {
		if (fd >= 0)
			(void)close(fd);
		return e < 0 ? e : error_errno(PMIG_EIO, errno, "no second socket of its sort");
	}
	socket_record_apply(record, fd);
	socket_address_text(record, &record->local, text);
	pmig_write_number(w, (uint64_t)record->family);
	pmig_write_text(w, text);
	pmig_write_number(w, (uint64_t)record->backlog + 1);
	pmig_write_number(w, 0755);
	e = socket_options_save(fd, w);
	(void)close(fd);
	return e;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	char text[SOCKET_TEXT_MAX];
	struct socket_place p;
	struct stat st = {0};
	if (r->strategy == PMIG_REFER)
		return save_reference(r, w);
	if (socket_record_find(&r->st) != NULL)
		return save_settled(r, w, socket_record_find(&r->st));
	socket_text(r->fd, text);
	int family = number(r->fd, SOL_SOCKET, SO_DOMAIN), e = check_waiting(r);
	if (e >= 0)
		e = socket_parse(text, &p);
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
static int open_at(struct pmig_resource *r, struct socket_place *p, int backlog, int ports)
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
	for (int i = 0; !done && errno == EADDRINUSE && i < ports && next_port(p); i++)
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
		e = open_at(r, &p, backlog, PORTS);
	const char *path = e >= 0 ? path_of(&p) : NULL;
	if (path != NULL)
		(void)chmod(path, mode);
	r->state = name_of(path, &st);
	return e;
}

/* The bytes of a connection that waits, as a file. */
static int state_file(const void *bytes, uint64_t size)
{
	int file = memfd_create("connection", MFD_CLOEXEC);
	if (file < 0 || write(file, bytes, size) != (ssize_t)size || lseek(file, 0, SEEK_SET) != 0) {
		if (file >= 0)
			(void)close(file);
		return error_set(PMIG_ENOMEM, "no memory for %llu bytes that are under way", (unsigned long long)size);
	}
	return file;
}

static int offer_pending(uint64_t id, uint64_t n, struct pmig_reader *in)
{
	int e = 0;
	while (e >= 0 && n-- > 0) {
		uint64_t size;
		const char *label = pmig_read_text(in);
		const void *bytes = pmig_read_content(in, &size);
		e = pmig_read_check(in);
		if (e >= 0 && size > REFERENCE_STATE_MAX)
			e = error_set(PMIG_ECORRUPT, "%llu bytes are said to be under way", (unsigned long long)size);
		int state = e < 0 ? e : state_file(bytes, size);
		if (state < 0)
			return state;
		e = door_offer(id, label, state);
		(void)close(state);
	}
	return e;
}

/* Saved where nobody planned: exactly this address, at this host. */
static int open_again(struct pmig_resource *r, const struct socket_record *record, mode_t mode)
{
	struct stat st;
	struct socket_place p = {.family = record->family,
		.type = record->type,
		.protocol = record->protocol,
		.address = record->local.at,
		.size = record->local.size};
	char text[SOCKET_TEXT_MAX];
	socket_place_text(&p, text);
	r->fd = socket(p.family, p.type | SOCK_CLOEXEC, p.protocol);
	if (r->fd < 0)
		return error_errno(PMIG_EREFUSED, errno, "%s cannot be had here", text);
	socket_record_apply(record, r->fd);
	int e = open_at(r, &p, record->backlog + 1, 0);
	const char *path = e >= 0 ? path_of(&p) : NULL;
	if (path != NULL)
		(void)chmod(path, mode);
	r->state = name_of(path, &st);
	return e;
}

static int refer(struct pmig_resource *r, struct pmig_reader *in)
{
	struct socket_record record;
	bool itself;
	uint64_t id = pmig_read_number(in);
	const char *text = pmig_read_text(in);
	mode_t mode = (mode_t)pmig_read_number(in);
	int e = socket_record_read(in, &record);
	if (e < 0 || id == 0)
		return e < 0 ? e : open_again(r, &record, mode);
	uint64_t waiting = pmig_read_number(in);
	e = pmig_read_check(in);
	if (e >= 0)
		e = door_open(id, record.backlog, waiting, &r->fd, &itself);
	if (e < 0)
		return e;
	if (itself) {
		socket_record_apply(&record, r->fd);
		return 0;
	}
	r->reference = id;
	e = referred_add(r->fd, id, r->kind->name, text, &record, sizeof record);
	return e < 0 ? e : offer_pending(id, waiting, in);
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
	if (r->strategy == PMIG_REFER && r->reference != 0)
		door_settle(r->fd);
	free(r->state);
	r->state = NULL;
}

const struct pmig_kind kind_listener = {
	.version = PMIG_KIND_VERSION,
	.name = "listener",
	.about =
		"a socket without a peer: one that listens stays and is reached, or, by type, is opened again at the same address or the next free port",
	.match = match,
	.describe = describe,
	.save = save,
	.refer = refer,
	.rebind = rebind,
	.undo = remove_name,
	.release = remove_name,
	.settle = settle,
};
