/* datagram: sockets of datagrams (UDP, unix), and of packets (SOCK_SEQPACKET) with a peer outside. One with an address is where others send
 * to, and one with a peer is whom it answers: by identifier, it stays where it is, with what waits in it, what it was set to and the groups
 * that it has joined, and is used from elsewhere (reference/calls_datagram.h). By type, or with neither yet, it is opened again as what
 * listens is, and has the same peer. An image in a file has nobody who could keep the socket: there datagrams are by type, and packets, whose
 * peer would be gone, are refused. */
#include "../base/error.h"
#include "../base/socket_sort.h"
#include "../reference/calls_datagram.h"
#include "../reference/reference.h"
#include "../reference/referred.h"
#include "../reference/socket_record.h"
#include "../resource/planned.h"
#include "../resource/sharing.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME_MAX_ALL (2 * SOCKET_TEXT_MAX + 8)

extern const struct pmig_kind kind_listener, kind_socketpair;

static int match(const struct pmig_resource *r)
{
	if (!S_ISSOCK(r->st.st_mode) || (r->flags & O_PATH) != 0)
		return 0;
	if (referred_find(&r->st) != NULL)
		return referred_as(r, "datagram");
	enum socket_sort sort = socket_sort_of(r->fd);
	return sort != SOCKET_OTHER && socket_has_messages(r->fd) && (sort != SOCKET_PAIRED || !kind_socketpair.match(r)) &&
		(sort != SOCKET_ALONE || kind_listener.match(r));
}

static int record_of(const struct pmig_resource *r, struct socket_record *ret)
{
	const struct socket_record *known = socket_record_find(&r->st);
	if (known == NULL)
		return socket_record_look(r->fd, ret);
	*ret = *known;
	return 0;
}

/* Where it is, and with whom; until the next one is asked for. */
static const char *name_of(const struct socket_record *r)
{
	static char name[NAME_MAX_ALL];
	char own[SOCKET_TEXT_MAX], other[SOCKET_TEXT_MAX] = "";
	socket_address_text(r, &r->local, own);
	if (r->peer.size > 0)
		socket_address_text(r, &r->peer, other);
	(void)snprintf(name, sizeof name, "%s%s%s", own, other[0] != '\0' ? " to " : "", other);
	return name;
}

static int describe(struct pmig_resource *r)
{
	struct socket_record record;
	bool there = referred_find(&r->st) != NULL;
	int e = record_of(r, &record);
	if (e < 0)
		return e;
	sharing_describe(r, false);
	if (r->declaration.binding == 0) {
		bool used = there || record.peer.size > 0 || socket_is_bound(r->fd);
		bool stays = (planned_exists() && used) || record.type == SOCK_SEQPACKET;
		r->declaration.binding = stays ? PMIG_BY_IDENTIFIER : PMIG_BY_TYPE;
		r->declaration.attachment = PMIG_FIXED;
	}
	if (r->declaration.name == NULL)
		r->declaration.name = name_of(&record);
	if (r->declaration.binding == PMIG_BY_TYPE && record.type == SOCK_SEQPACKET)
		return error_set(PMIG_EREFUSED, "it is a connection: its peer is this one and no other");
	return r->declaration.binding == PMIG_BY_TYPE && !there ? kind_listener.describe(r) : 0;
}

/* --- by identifier --- */

/* That it can be taken is looked at, not what poll(2) says: that may be of one whose checksum is wrong. */
static bool one_waits(int fd)
{
	char byte;
	return recv(fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static int save_here(struct pmig_resource *r, struct pmig_writer *w)
{
	struct socket_record record;
	const struct referred *e = referred_find(&r->st);
	int state = -1, error = record_of(r, &record);
	if (error < 0)
		return error;
	record.state |= error >= 0 && one_waits(r->fd) ? SOCKET_PROMISED : 0;
	if (e != NULL) {
		r->reference = e->id;
		error = reference_suspend(e->id, r->fd, &state);
	} else {
		error = reference_keep(REFERENCE_DATAGRAM, r->fd, name_of(&record), &r->reference);
	}
	return error >= 0 ? socket_record_write_held(w, r->reference, &record, state) : error;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	if (r->strategy == PMIG_REFER)
		return save_here(r, w);
	if (referred_find(&r->st) != NULL)
		return error_set(PMIG_EREFUSED,
			"it is used from another host; where it is it can be opened again, or not at all");
	struct socket_record record;
	int e = socket_record_look(r->fd, &record);
	if (e >= 0)
		e = kind_listener.save(r, w);
	if (e >= 0)
		socket_record_write(w, &record);
	return e;
}

static int state_file(const void *bytes, uint64_t size, int *ret_file)
{
	int file = memfd_create("datagrams", MFD_CLOEXEC);
	if (file < 0 || write(file, bytes, size) != (ssize_t)size || lseek(file, 0, SEEK_SET) != 0) {
		if (file >= 0)
			(void)close(file);
		return error_set(PMIG_ENOMEM, "no memory for %llu bytes that are under way", (unsigned long long)size);
	}
	*ret_file = file;
	return 0;
}

/* What the kernel here does by itself on a socket that leads to another host: how long it waits. */
static void set_times(int fd, struct socket_record *record)
{
	static const int names[] = {SO_RCVTIMEO, SO_SNDTIMEO};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct socket_option *o = socket_record_option(record, SOL_SOCKET, names[i]);
		if (o != NULL)
			(void)setsockopt(fd, SOL_SOCKET, names[i], o->value, o->size);
	}
}

static int refer(struct pmig_resource *r, struct pmig_reader *in)
{
	struct socket_record record;
	bool itself = false;
	int state = -1;
	uint64_t id = pmig_read_number(in), size;
	int e = socket_record_read(in, &record);
	const void *bytes = e >= 0 ? pmig_read_content(in, &size) : NULL;
	if (e >= 0)
		e = pmig_read_check(in);
	if (e >= 0 && size > REFERENCE_STATE_MAX)
		e = error_set(PMIG_ECORRUPT, "%llu bytes are said to be under way", (unsigned long long)size);
	if (e >= 0 && size > 0)
		e = state_file(bytes, size, &state);
	if (e >= 0)
		e = reference_datagrams(id, state, &r->fd, &itself);
	if (state >= 0)
		(void)close(state);
	if (e < 0)
		return e;
	r->reference = itself ? 0 : id;
	if (itself)
		return 0;
	pmig_datagram_any = true;
	set_times(r->fd, &record);
	return referred_add(r->fd, id, "datagram", r->declared ? r->locator : name_of(&record), &record, sizeof record);
}

/* --- by type --- */

static int rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	struct socket_record record;
	char peer[SOCKET_TEXT_MAX];
	int e = kind_listener.rebind(r, in);
	if (e >= 0)
		e = socket_record_read(in, &record);
	if (e < 0 || record.peer.size == 0 ||
		connect(r->fd, (const struct sockaddr *)&record.peer.at, record.peer.size) == 0)
		return e;
	e = error_errno(PMIG_EREFUSED, errno, "its peer");
	socket_address_text(&record, &record.peer, peer);
	return error_prefix(e, "%s is not reached from here", peer);
}

static int undo(struct pmig_resource *r)
{
	return r->strategy == PMIG_REBIND ? kind_listener.undo(r) : 0;
}

static int release(struct pmig_resource *r)
{
	return r->strategy == PMIG_REBIND ? kind_listener.release(r) : 0;
}

static void settle(struct pmig_resource *r)
{
	if (r->strategy == PMIG_REBIND)
		kind_listener.settle(r);
}

const struct pmig_kind kind_datagram = {
	.version = PMIG_KIND_VERSION,
	.name = "datagram",
	.about = "datagrams and packets: the socket stays at its address and is used from elsewhere",
	.match = match,
	.describe = describe,
	.save = save,
	.refer = refer,
	.rebind = rebind,
	.undo = undo,
	.release = release,
	.settle = settle,
};
