/* socket_record: what is known of a socket that lies at another host. */
#include "socket_record.h"

#include "../base/socket_sort.h"
#include "../kind/socket_options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int number(int fd, int name)
{
	int value = 0;
	socklen_t size = sizeof value;
	(void)getsockopt(fd, SOL_SOCKET, name, &value, &size);
	return value;
}

int socket_record_look(int fd, struct socket_record *ret)
{
	struct socket_record r = {.magic = SOCKET_RECORD_MAGIC, .backlog = -1};
	socklen_t local = sizeof r.local.at, peer = sizeof r.peer.at;
	if (getsockname(fd, (struct sockaddr *)&r.local.at, &local) < 0)
		return error_errno(PMIG_EIO, errno, "its address cannot be asked for");
	r.local.size = local;
	if (getpeername(fd, (struct sockaddr *)&r.peer.at, &peer) == 0)
		r.peer.size = peer;
	r.family = number(fd, SO_DOMAIN);
	r.type = number(fd, SO_TYPE);
	r.protocol = number(fd, SO_PROTOCOL);
	if (number(fd, SO_ACCEPTCONN) == 1)
		r.backlog = SOMAXCONN;
	r.option_count = (uint32_t)socket_options_look(fd, r.options, SOCKET_RECORD_OPTIONS);
	*ret = r;
	return 0;
}

struct socket_record *socket_record_in(struct referred *e)
{
	struct socket_record *r = e != NULL && e->size == sizeof *r ? e->own : NULL;
	return r != NULL && r->magic == SOCKET_RECORD_MAGIC ? r : NULL;
}

struct socket_record *socket_record_of(int fd)
{
	int saved = errno;
	struct socket_record *r = socket_record_in(referred_of(fd));
	errno = saved;
	return r;
}

struct socket_record *socket_record_find(const struct stat *st)
{
	return socket_record_in(referred_find(st));
}

struct socket_option *socket_record_option(struct socket_record *r, int level, int name)
{
	for (uint32_t i = 0; i < r->option_count; i++)
		if (r->options[i].level == level && r->options[i].name == name)
			return &r->options[i];
	return NULL;
}

bool socket_record_set(struct socket_record *r, int level, int name, const void *value, size_t size)
{
	struct socket_option *o = socket_record_option(r, level, name);
	if (size > SOCKET_OPTION_SIZE || (o == NULL && r->option_count == SOCKET_RECORD_OPTIONS))
		return false;
	if (o == NULL)
		o = &r->options[r->option_count++];
	*o = (struct socket_option){.level = level, .name = name, .size = (uint32_t)size};
	memcpy(o->value, value, size);
	socket_options_told(o);
	return true;
}

/* --- in an image --- */

static void write_bytes(struct pmig_writer *w, const void *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t word = 0;
		memcpy(&word, (const char *)bytes + at, size - at < sizeof word ? size - at : sizeof word);
		pmig_write_number(w, word);
	}
}

static void read_bytes(struct pmig_reader *in, void *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t word = pmig_read_number(in);
		memcpy((char *)bytes + at, &word, size - at < sizeof word ? size - at : sizeof word);
	}
}

static void write_address(struct pmig_writer *w, const struct socket_address *a)
{
	pmig_write_number(w, a->size);
	write_bytes(w, &a->at, a->size);
}

static bool read_address(struct pmig_reader *in, struct socket_address *ret)
{
	uint64_t size = pmig_read_number(in);
	if (size > sizeof ret->at)
		return false;
	ret->size = (uint32_t)size;
	read_bytes(in, &ret->at, ret->size);
	return true;
}

void socket_record_write(struct pmig_writer *w, const struct socket_record *r)
{
	const int32_t numbers[] = {r->family, r->type, r->protocol, r->backlog, (int32_t)r->state, r->error};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		pmig_write_number(w, (uint64_t)(int64_t)numbers[i]);
	write_address(w, &r->local);
	write_address(w, &r->peer);
	pmig_write_number(w, r->option_count);
	for (uint32_t i = 0; i < r->option_count; i++) {
		const struct socket_option *o = &r->options[i];
		pmig_write_number(w, (uint64_t)(int64_t)o->level);
		pmig_write_number(w, (uint64_t)(int64_t)o->name);
		pmig_write_number(w, o->size);
		write_bytes(w, o->value, o->size);
	}
}

int socket_record_write_held(struct pmig_writer *w, uint64_t id, const struct socket_record *r, int state)
{
	struct stat st = {0};
	int error = 0;
	if (state >= 0 && fstat(state, &st) < 0)
		error = error_errno(PMIG_EIO, errno, "what is under way");
	if (error >= 0) {
		pmig_write_number(w, id);
		socket_record_write(w, r);
		error = pmig_write_content(w, state, (uint64_t)st.st_size);
	}
	if (state >= 0)
		(void)close(state);
	return error;
}

int socket_record_read(struct pmig_reader *in, struct socket_record *ret)
{
	struct socket_record r = {.magic = SOCKET_RECORD_MAGIC};
	int32_t numbers[6];
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		numbers[i] = (int32_t)pmig_read_number(in);
	bool sound = read_address(in, &r.local) && read_address(in, &r.peer);
	uint64_t options = sound ? pmig_read_number(in) : 0;
	sound = sound && options <= SOCKET_RECORD_OPTIONS;
	for (uint64_t i = 0; sound && i < options; i++) {
		struct socket_option *o = &r.options[r.option_count++];
		o->level = (int32_t)pmig_read_number(in);
		o->name = (int32_t)pmig_read_number(in);
		uint64_t size = pmig_read_number(in);
		sound = size <= SOCKET_OPTION_SIZE;
		o->size = sound ? (uint32_t)size : 0;
		read_bytes(in, o->value, o->size);
	}
	if (pmig_read_check(in) < 0 || !sound)
		return error_set(PMIG_ECORRUPT, "what is said of a socket is damaged");
	r.family = numbers[0];
	r.type = numbers[1];
	r.protocol = numbers[2];
	r.backlog = numbers[3];
	r.state = (uint32_t)numbers[4];
	r.error = numbers[5];
	*ret = r;
	return 0;
}

/* --- a real one --- */

void socket_record_apply(const struct socket_record *r, int fd)
{
	for (uint32_t i = 0; i < r->option_count; i++)
		(void)socket_options_put(fd, &r->options[i]);
}

void socket_address_give(const struct socket_address *a, struct sockaddr *ret, socklen_t *size)
{
	memcpy(ret, &a->at, *size < a->size ? *size : a->size);
	*size = a->size;
}

void socket_address_text(const struct socket_record *r, const struct socket_address *a, char ret_text[160])
{
	struct socket_place p = {
		.family = r->family, .type = r->type, .protocol = r->protocol, .address = a->at, .size = (socklen_t)a->size};
	if (r->family == AF_UNIX && a->size <= sizeof(sa_family_t))
		p.size = 0;
	socket_place_text(&p, ret_text);
}
