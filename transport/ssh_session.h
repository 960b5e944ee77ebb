/* ssh_session: a libssh2 session from the connect to the login; internal to transport/.
 *
 * libssh2 demands that a send that would block is repeated with the same bytes before anything else is sent, which
 * several channels over one session cannot promise. So it never sees a blocking send: what the socket does not take
 * waits in `out`, and the owner of the session stops giving it data while much waits there. */
#ifndef PMIG_TRANSPORT_SSH_SESSION_H
#define PMIG_TRANSPORT_SSH_SESSION_H

#include "link.h"

#include <libssh2.h>

struct ssh_session {
	LIBSSH2_SESSION *libssh2;
	int socket;
	uint64_t received; /* bytes so far */
	bool end_of_file;  /* the other side closed the connection */
	struct {
		uint8_t *bytes;
		size_t begin, end, capacity;
	} out;
};

/* How long an operation may take and what ends it early. */
struct ssh_deadline {
	int64_t at_ms; /* CLOCK_MONOTONIC */
	int stop_fd;   /* -1: none */
};

int64_t ssh_session_now_ms(void);

/* Connects, checks the host key, logs in; afterwards the session is non-blocking. `s` is finished on failure. */
int ssh_session_open(struct ssh_session *s, const struct link_options *o, const struct link_target *t) PMIG_MUST_CHECK;
void ssh_session_finish(struct ssh_session *s);

/* Sends what waits in `out`, as far as the socket takes it. */
int ssh_session_flush(struct ssh_session *s) PMIG_MUST_CHECK;
size_t ssh_session_unsent(const struct ssh_session *s);

/* Waits until the socket has something (or took something). PMIG_ETIMEOUT, PMIG_ECANCELLED, PMIG_EUNREACHED. */
int ssh_session_wait(struct ssh_session *s, const struct ssh_deadline *d) PMIG_MUST_CHECK;

/* PMIG_EUNREACHED with libssh2's words for `what`. */
int ssh_session_error(struct ssh_session *s, const char *what);

/* The local user: whose files are read, and who logs in when the target names nobody. */
struct ssh_account {
	char name[64];
	char home[1024];
};
void ssh_session_account(struct ssh_account *ret_account);

/* ssh_connect.c: a connected, non-blocking TCP socket. */
int ssh_connect(const struct link_target *t, const struct ssh_deadline *d, int *ret_socket) PMIG_MUST_CHECK;

/* ssh_hostkey.c: before the handshake the wish for key types that are known, after it the check. */
int ssh_hostkey_prefer(struct ssh_session *s, const struct link_options *o, const struct link_target *t) PMIG_MUST_CHECK;
int ssh_hostkey_check(struct ssh_session *s, const struct link_options *o, const struct link_target *t) PMIG_MUST_CHECK;

/* ssh_auth.c: SSH agent and key files. */
int ssh_auth(struct ssh_session *s, const struct link_options *o, const struct link_target *t,
	const struct ssh_deadline *d) PMIG_MUST_CHECK;

#endif
