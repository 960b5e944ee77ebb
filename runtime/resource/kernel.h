/* kernel: what the kernel keeps for the process besides what context.c names: options of prctl(), locked memory, whose rights it has. */
#ifndef PMIG_RESOURCE_KERNEL_H
#define PMIG_RESOURCE_KERNEL_H

#include "record.h"

#include <stddef.h>

/* The rights that the process has now are those it was given. */
void kernel_start(void);

/* Error: PMIG_EREFUSED: it has changed its user or its groups, whose rights would be others at the target. */
PMIG_MUST_CHECK int kernel_save(struct record_writer *w);
PMIG_MUST_CHECK int kernel_restore(struct record_reader *r);

/* Each as the function without the prefix. What is locked is locked again after a restore, as far as the host lets it. */
int pmig_mlock(const void *address, size_t size);
int pmig_mlock2(const void *address, size_t size, unsigned flags);
int pmig_munlock(const void *address, size_t size);
int pmig_mlockall(int flags);
int pmig_munlockall(void);

#endif
