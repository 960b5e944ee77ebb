/* wait_mask: calls that wait under another signal mask. One that is stopped keeps that mask until it is repeated
 * (block.h); in the end the thread has its own again. */
#ifndef PMIG_CARRIED_WAIT_MASK_H
#define PMIG_CARRIED_WAIT_MASK_H

#include "handler.h"
#include "wait.h"

struct wait_mask {
	uint64_t during, before; /* as the kernel has them */
	bool given, stopped;
};

static inline struct wait_mask wait_mask_of(const sigset_t *mask)
{
	struct wait_mask m = {.given = mask != NULL};
	if (m.given) {
		m.during = handler_kernel_mask(mask);
		m.before = pmig_block_mask(NULL);
	}
	return m;
}

/* block_count() as of when the wait begins. Under a mask of its own a handler that runs before that does not break it
 * off: it could not have run in the call. */
WAIT_INLINE uint32_t wait_mask_handled(const struct wait_mask *m)
{
	if (m->given)
		block_point();
	return block_count(BLOCK_ANY);
}

/* As wait_again_unless(). Before the first try under a mask of its own it has just been at the safe point, and what a handler has done
 * since could not have been done in the call. */
WAIT_INLINE long wait_mask_again(const struct wait_mask *m, bool at_once, uint32_t handled)
{
	if (!m->given || m->stopped)
		return wait_again_unless(at_once, BLOCK_ANY, handled);
	if (pmig_thread != NULL)
		wait_cancel();
	return 0;
}

/* For the call; NULL: none. */
static inline const uint64_t *wait_mask_during(const struct wait_mask *m)
{
	return m->given ? &m->during : NULL;
}

/* The call has been made, or will not be; r is returned. */
static inline long wait_mask_end(const struct wait_mask *m, long r)
{
	if (m->given && m->stopped)
		(void)pmig_block_mask(&m->before);
	return r;
}

#endif
