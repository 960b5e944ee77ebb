/* ssh_channel: one command over a session: between libssh2's channel and the plain descriptors; internal to transport/.
 *
 * Everything here is called by the thread that owns the session, without blocking and without a lock; `next`, `number` and
 * `published` are guarded by the lock of ssh_libssh2.c. */
#ifndef PMIG_TRANSPORT_SSH_CHANNEL_H
#define PMIG_TRANSPORT_SSH_CHANNEL_H

#include "link_driver.h"
#include "ssh_session.h"

#include <poll.h>

#define SSH_CHANNEL_WINDOW (4u << 20)
#define SSH_CHANNEL_PACKET 32768u

enum ssh_channel_state {
	SSH_CHANNEL_OPENING = 1, /* libssh2 opens one at a time per session */
	SSH_CHANNEL_STARTING,    /* the exec request is on its way */
	SSH_CHANNEL_RUNNING,
	SSH_CHANNEL_ENDED, /* `result`, `status` are final, nothing is held */
};

struct ssh_channel {
	struct ssh_channel *next;
	int number;
	enum ssh_channel_state
		published; /* `state` as others may see it; `result` and the like are theirs once it has ended */
	enum ssh_channel_state state;
	int result; /* >= 0: `status` holds; else PMIG_E* with `reason` */
	int status;
	char reason[256];

	char *command;
	LIBSSH2_CHANNEL *libssh2;
	int fd, error_fd; /* our ends: of the socket pair, of the pipe */
	bool hung_up;     /* the caller closed its end */
	bool out_ended;   /* the caller wrote all that it will */
	bool out_eof;     /* and the host was told so */
	bool in_ended;    /* the command wrote all that it will, and the caller was told so */
	size_t in_begin, in_end, out_begin, out_end;
	uint8_t in[64 << 10];
	uint8_t out[32700]; /* what libssh2 puts into one packet, whatever it is given */
};

/* Takes the ends `fd` and `error_fd`; copies `command`. */
int ssh_channel_create(const char *command, int fd, int error_fd, struct ssh_channel **ret_channel) PMIG_MUST_CHECK;
void ssh_channel_destroy(struct ssh_channel *c);

/* Moves what can be moved. > 0: something was; 0: nothing; < 0: the session is lost. A channel that fails alone ends. */
int ssh_channel_step(struct ssh_channel *c, struct ssh_session *s) PMIG_MUST_CHECK;

/* What to wait for, and what came of it. */
void ssh_channel_poll(const struct ssh_channel *c, const struct ssh_session *s, struct pollfd *ret_poll);
void ssh_channel_polled(struct ssh_channel *c, const struct pollfd *p);

/* Ends it from outside with this thread's reason. */
void ssh_channel_fail(struct ssh_channel *c, int code);

#endif
