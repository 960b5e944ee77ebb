/* lock: the locks that a process holds on a file through one descriptor: flock(2), fcntl(2). They are let go where
 * the process leaves and taken where it arrives, before it runs. */
#ifndef PMIG_KIND_LOCK_H
#define PMIG_KIND_LOCK_H

#include "../base/error.h"

#include <pmig/kind.h>

struct lock_set;

/* Writes the locks and then the content of `fd`, which may cost it locks: they are held again afterwards. Errors:
 * PMIG_EREFUSED (a kind of lock that cannot be carried), PMIG_ENOMEM, and those of pmig_write_content(). */
PMIG_MUST_CHECK int lock_save(int fd, uint64_t size, struct pmig_writer *w);

/* *ret: NULL if there are none; for free(). Errors: PMIG_ECORRUPT, PMIG_ENOMEM. */
PMIG_MUST_CHECK int lock_read(struct pmig_reader *in, struct lock_set **ret);

/* Takes them; NULL: none. To be called when no other descriptor of the file will be closed any more: that would let
 * locks of the process go (fcntl(2)). Errors: PMIG_EREFUSED (somebody else holds one here). */
PMIG_MUST_CHECK int lock_take(int fd, const struct lock_set *set);

/* For a description that somebody else holds too: the locks that belong to this process belong to the description from now on, so that they
 * stay when the process ends. *ret: whether there were any. Errors: PMIG_EREFUSED (somebody else has got in), PMIG_ENOMEM. */
PMIG_MUST_CHECK int lock_hand_over(int fd, bool *ret);

/* The process goes on here: what lock_hand_over() did in this checkpoint is taken back. */
void lock_take_back(void);

/* The description came back: its locks are those of this process. */
PMIG_MUST_CHECK int lock_own(int fd);

/* Whether any lock is held through `fd`. */
bool lock_any(int fd);

#endif
