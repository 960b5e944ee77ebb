/* remote_link: one connection to what serves remote files: requests go out, answers come back in the same order. */
#ifndef PMIG_REFERENCE_REMOTE_LINK_H
#define PMIG_REFERENCE_REMOTE_LINK_H

#include "../base/error.h"
#include "protocol.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define REMOTE_LINK_PIECE (256u << 10) /* bytes that one answer brings at most */

struct remote_link;

/* Called with the answer to a request, or with r->error EIO when the connection was lost. `data`: r->size bytes, borrowed. */
typedef void remote_link_done(void *context, const struct protocol_request *q, const struct protocol_answer *r,
	const void *data);

/* `socket` is taken (not on failure); `name` is copied. Errors: PMIG_ENOMEM, PMIG_EIO. */
PMIG_MUST_CHECK int remote_link_create(int socket, const char *name, struct remote_link **ret);

/* Several files use one; the last one ends it. */
struct remote_link *remote_link_share(struct remote_link *l);
void remote_link_drop(struct remote_link *l);

/* Sends it; *q gets its id, and its size is that of `data`. The answer comes while another function of these waits. -1 and EIO when
 * the connection is lost: then `done` is not called. */
int remote_link_send(struct remote_link *l, struct protocol_request *q, const void *data, remote_link_done *done,
	void *context);

/* The id that the next request gets. */
uint64_t remote_link_next(const struct remote_link *l);

/* Handles answers until that of request `id` is among them, until none is due, or until at most `bytes` of what was sent are
 * unanswered. */
void remote_link_wait(struct remote_link *l, uint64_t id);
void remote_link_step(struct remote_link *l); /* a little, while any is due */
void remote_link_drain(struct remote_link *l);
void remote_link_drain_to(struct remote_link *l, size_t bytes);
bool remote_link_drain_for(struct remote_link *l, int64_t ms); /* false: some are due yet */

/* Sends and waits. Up to `most` bytes of payload go to `to`, and r->size says how many. -1 and errno: the answer's error, or EIO when it is
 * longer than that. */
int remote_link_call(struct remote_link *l, struct protocol_request *q, const void *data, struct protocol_answer *r,
	void *to, size_t most);

void remote_link_up(struct remote_link *l); /* greeted: from now on its loss is said on standard error */
bool remote_link_lost(const struct remote_link *l);
void remote_link_forget(struct remote_link *l); /* in a child: the socket is closed, nothing is sent by it any more */
int remote_link_socket(const struct remote_link *l);

/* Whether a signal that waits because of GUARD_REMOTE, and was not held back `before`, would interrupt a system call that is not begun again. */
bool remote_link_interrupted(const sigset_t *before);

#endif
