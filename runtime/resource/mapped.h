/* mapped: what the program mapped, at a checkpoint: whether it can go along, and who else has it. */
#ifndef PMIG_RESOURCE_MAPPED_H
#define PMIG_RESOURCE_MAPPED_H

#include "../base/error.h"

#include <sys/stat.h>

struct declared;

/* Before anything is written; `stays`: whether the file behind a descriptor stays where it is. Errors: PMIG_EREFUSED: memory shared with
 * another process whose declaration does not consent to a snapshot, a mapped device, a mapped file that stays behind or whose descriptor was
 * closed. */
PMIG_MUST_CHECK int mapped_check(bool (*stays)(int fd));

/* What the program declared of memory in which this file is mapped; NULL: nothing. */
struct declared *mapped_declared(const struct stat *st);

#endif
