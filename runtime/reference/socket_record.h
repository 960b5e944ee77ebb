/* socket_record: what a socket was when it was left behind at another host, and what the program has set of it since. In the program its
 * number is a connected unix socket (or whatever its kind puts there); getsockname(2), getpeername(2), getsockopt(2) and their like
 * answer from here (calls_socket.c).
 *
 * It is the `own` part of a referred entry (referred.h), so it lies in the arena and travels. Fixed size, no pointers. Not part of any
 * format: socket_record_write() and socket_record_read() are.
 *
 * Normal usage, by a kind:
 *   save()   of a real socket: socket_record_look(); of one that stands for another: a copy of socket_record_find(); then
 *            socket_record_write()
 *   refer()  socket_record_read(); then referred_add(fd, id, kind, locator, &record, sizeof record), or, where the thing itself is at
 *            this host: socket_record_apply() */
#ifndef PMIG_REFERENCE_SOCKET_RECORD_H
#define PMIG_REFERENCE_SOCKET_RECORD_H

#include "../base/error.h"
#include "referred.h"

#include <pmig/kind.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define SOCKET_RECORD_MAGIC 0x736d6970u /* "pims" */
#define SOCKET_OPTION_SIZE 16           /* bytes of a value, at most */
#define SOCKET_RECORD_OPTIONS 96

struct socket_address {
	uint32_t size; /* 0: there is none */
	struct sockaddr_storage at;
};

struct socket_option {
	int32_t level, name;
	uint32_t size;
	unsigned char value[SOCKET_OPTION_SIZE]; /* as getsockopt(2) tells it; zeros behind `size` */
};

enum socket_state {
	SOCKET_SHUT_READ = 1, /* by the program, as the next one */
	SOCKET_SHUT_WRITE = 2,
	SOCKET_PROMISED = 4 /* a message waited when it was left, so poll(2) may have told of it: it is on its way */
};

struct socket_record {
	uint32_t magic;
	int32_t family, type, protocol; /* as for socket(2) */
	int32_t backlog;                /* of one that listens, as for listen(2); -1: it does not */
	uint32_t state;                 /* enum socket_state */
	int32_t error;                  /* an errno that SO_ERROR has still to tell, or a call to fail with; 0: none */
	struct socket_address local, peer;
	uint32_t option_count;
	struct socket_option options[SOCKET_RECORD_OPTIONS];
};

/* Of a real socket of this process: family, addresses, all options that can be asked for. `backlog` is -1, or SOMAXCONN of one that
 * listens: its kind knows better. Errors: PMIG_EIO. */
PMIG_MUST_CHECK int socket_record_look(int fd, struct socket_record *ret);

/* What a descriptor stands for; NULL: it is a real one, or no socket. Borrowed until the descriptor is closed. errno stays. */
struct socket_record *socket_record_of(int fd);
struct socket_record *socket_record_find(const struct stat *st);
struct referred;
struct socket_record *socket_record_in(struct referred *e); /* of what referred_of() gave, which may be NULL */

/* The value of an option; NULL: it is not in there. */
struct socket_option *socket_record_option(struct socket_record *r, int level, int name);

/* The program has set it. False: there is no room, or it is too long. */
bool socket_record_set(struct socket_record *r, int level, int name, const void *value, size_t size);

void socket_record_write(struct pmig_writer *w, const struct socket_record *r);

/* Of one that is held as reference `id`: that, the record, and what is under way, all bytes of the file `state` (taken; -1: nothing). The
 * reader takes the three in this order. Errors: PMIG_EIO, those of pmig_write_content(). */
PMIG_MUST_CHECK int socket_record_write_held(struct pmig_writer *w, uint64_t id, const struct socket_record *r, int state);

/* All is checked. Errors: PMIG_ECORRUPT. */
PMIG_MUST_CHECK int socket_record_read(struct pmig_reader *in, struct socket_record *ret);

/* Options of a real socket are what they are here, as far as this host lets them be; what is the same already is not touched. */
void socket_record_apply(const struct socket_record *r, int fd);

/* getsockname(2) and getpeername(2): copies as much as fits; *size, the room, becomes the true size. */
void socket_address_give(const struct socket_address *a, struct sockaddr *ret, socklen_t *size);

/* "tcp 10.0.0.1:80", as of socket_text(). */
void socket_address_text(const struct socket_record *r, const struct socket_address *a, char ret_text[160]);

#endif
