/* elsewhere: a file or a directory that stays where it is while the program leaves: what kinds of such things share. It is held by its
 * host's agent (reference/reference.h) and used through descriptors that lead there (reference/descriptors.h); where the target
 * has the same file system it is opened there by its path; and at its own host it is the thing itself. */
#ifndef PMIG_KIND_ELSEWHERE_H
#define PMIG_KIND_ELSEWHERE_H

#include "../base/error.h"

#include <pmig/kind.h>

/* describe(): whether it lies at another host already; then all is known of it. */
bool elsewhere_describe(struct pmig_resource *r);

/* save() with PMIG_REFER. Locks stay with the file. Errors: PMIG_EREFUSED, and those of reference_keep(). */
PMIG_MUST_CHECK int elsewhere_save(struct pmig_resource *r, struct pmig_writer *w);

/* refer(). Errors: PMIG_EREFUSED, PMIG_EUNREACHED, PMIG_ECORRUPT, PMIG_ENOMEM. */
PMIG_MUST_CHECK int elsewhere_refer(struct pmig_resource *r, struct pmig_reader *in);

/* settle(): its locks are the process's again, where they were. */
void elsewhere_settle(const struct pmig_resource *r);

/* save() with PMIG_COPY: what lies at another host as a memory file here, for the caller to close. Errors: PMIG_EIO, PMIG_ENOSPC. */
PMIG_MUST_CHECK int elsewhere_fetch(const struct pmig_resource *r, int *ret_fd, uint64_t *ret_size);

#endif
