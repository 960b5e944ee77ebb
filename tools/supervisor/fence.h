/* fence: copies that a person gave up while their host could not be reached (`pmig recover --here`). Such a host is asked until it answers,
 * and what runs there is ended: one at most had been seen by anybody. Home's journal has a step "fence" that began and is not
 * done for each, so that whoever attaches next goes on with it. So has it a step "forget" for an image that was sent before the program
 * went on at its source: the supervisor may be killed between the two. */
#ifndef PMIG_SUPERVISOR_FENCE_H
#define PMIG_SUPERVISOR_FENCE_H

#include "parts.h"

/* What was given up at `target`, which is taken over, in hand-over `id` for `epoch`. */
void fence_take(struct supervisor *s, const char *id, uint64_t epoch, struct remote *target);
int fence_open(struct supervisor *s) PMIG_MUST_CHECK; /* attached: those of the journal */
bool fence_is_due(struct supervisor *s);              /* the journal has some */
void fence_close(struct supervisor *s);
bool fence_waits(const struct supervisor *s, const char *label); /* that host has not answered yet */
void fence_yield(struct supervisor *s, const char *label);       /* a move there: an old image does not matter now */

/* What happens to agents. */
void fence_up(struct supervisor *s, struct remote *r);
void fence_down(struct supervisor *s, struct remote *r);

#endif
