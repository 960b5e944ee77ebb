/* checkpoint: an image of the program into a file here, wherever it runs. */
#ifndef PMIG_SUPERVISOR_CHECKPOINT_H
#define PMIG_SUPERVISOR_CHECKPOINT_H

#include "parts.h"

struct checkpoint;

struct checkpoint_options {
	const char *path;                                    /* absolute */
	bool stop;                                           /* the program ends, and the image is all that is left */
	bool wait_children;                                  /* those that run put it off, else they refuse it */
	int timeout_ms;                                      /* for the safe point; 0: 30,000 */
	void (*progress)(void *context, const json_t *line); /* the one line that comes, with "done": true */
	void *context;
};

/* Begins; the end is told by `progress`. Errors: PMIG_EBUSY, PMIG_EUNREACHED, PMIG_EINVAL, PMIG_ENOENT (the directory). */
int checkpoint_start(struct supervisor *s, const struct checkpoint_options *o) PMIG_MUST_CHECK;
bool checkpoint_packet(struct supervisor *s, struct remote *r, const struct packet *p); /* true: it was one of its own */
void checkpoint_down(struct supervisor *s, const struct remote *r);                     /* pmig_reason() says why */
void checkpoint_listener_gone(struct supervisor *s, void *context);

/* The program is frozen at `r` and nobody saves or moves it any more: it goes on. `stored`: its next epoch was promised to an image,
 * which nobody can have continued. `handover`: the number of the one that froze it, as its agent says; NULL: none, it was a checkpoint. */
void checkpoint_thaw(struct supervisor *s, struct remote *r, bool stored, const char *handover);
void checkpoint_destroy(struct checkpoint *c); /* NULL is fine */

#endif
