/* control_channel: the program's side of control.h. No allocation, no stdio; everything may be called from a signal handler.
 *
 * Normal usage, by the runtime:
 *   1. control_start() before main(); then control_restoring(), control_name(), control_uuid(), control_epoch();
 *   2. the handler of CONTROL_SIGNAL asks control_pending() and sets the poll flags;
 *   3. at the safe point control_request() gives the message and the image descriptor, control_send() the answer;
 *   4. after CONTROL_FROZEN or CONTROL_RESTORED: control_wait_verdict(). */
#ifndef PMIG_CONTROL_CHANNEL_H
#define PMIG_CONTROL_CHANNEL_H

#include "base/error.h"
#include "control.h"

#include <stdbool.h>

/* Finds the channel by the environment, moves its descriptor (and that of the image) to a high number, takes every PMIG_*
 * variable of the agent out of the environment and says HELLO with `build` (hex; may be ""). Returns 1 under an agent, 0 without
 * one (then all sending is a no-op). Errors: PMIG_EPROTOCOL (not a channel), PMIG_EIO. */
PMIG_MUST_CHECK int control_start(const char *build);

/* In the child of a fork: the channel belongs to the parent, and there is no agent. */
void control_leave(void);

/* The descriptor of the image to restore from, open for reading; -1 if the program starts fresh. Ours until the runtime closes it. */
int control_restoring(void);

/* Has the agent compared all bytes of that image with a hash, so that it need not be read once more before it is mapped? */
bool control_verified(void);

/* Is this another process than the one in the image, with a uuid of its own? */
bool control_clone(void);

/* Does the user allow that files which were changed since are set aside? */
bool control_rewind(void);

/* What the agent calls this process; "" and 0 without an agent. Static. */
const char *control_name(void);
const char *control_uuid(void);
uint64_t control_epoch(void);

/* The descriptor of the channel, -1 without one: it does not belong to the program and is never part of an image. */
int control_descriptor(void);

/* Whether a message waits. */
bool control_pending(void);

/* The next message, without blocking. `*ret_fd` (CONTROL_CHECKPOINT: the image, open for writing; else -1) is taken by the
 * caller. Returns 1 with a message, 0 without one. Errors: PMIG_EGONE (the agent has ended), PMIG_EPROTOCOL, PMIG_EIO. */
PMIG_MUST_CHECK int control_request(struct control_message *ret, int *ret_fd);

/* Sends; `args` may be NULL (all 0), `text` too; a longer text is cut. The sequence number is that of the last request. A full
 * channel blocks. Errors: PMIG_EGONE, PMIG_EIO. */
int control_send(enum control_type type, const int64_t args[8], const char *text);

/* As control_send(), with a descriptor (borrowed; -1: none). */
int control_send_descriptor(enum control_type type, const int64_t args[8], const char *text, int fd);

/* A question about a reference, with a ticket in args[7], and its answer (CONTROL_REFERENCE), which is waited for; requests that come meanwhile
 * are put aside, and the signal is raised for them. *ret_fd: what the answer carries, the caller's; -1: nothing. Errors:
 * PMIG_EGONE (no agent), PMIG_ETIMEOUT, PMIG_EIO; what the agent said is in ret->args[0] and ret->text. */
PMIG_MUST_CHECK int control_ask(enum control_type type, const int64_t args[8], const char *text, int fd, int timeout_ms,
	struct control_message *ret, int *ret_fd);

/* Blocks until GO_ON, END or ACTIVATE arrives; CANCEL meanwhile is dropped (too late), CHECKPOINT is refused with FAILED. On
 * PMIG_EGONE the program must end without running another instruction of its own: it cannot know whether another copy
 * runs by now. */
PMIG_MUST_CHECK int control_wait_verdict(struct control_message *ret);

#endif
