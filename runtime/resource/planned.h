/* planned: what the planner decided for the things of this process, for one checkpoint.
 *
 * Normal usage: planned_take() with what CONTROL_PLAN brought; planned_descriptor() and planned_slot() for each thing;
 * planned_forget() when the checkpoint is over. */
#ifndef PMIG_RESOURCE_PLANNED_H
#define PMIG_RESOURCE_PLANNED_H

#include "../base/error.h"
#include "../decision.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Reads the whole file (decision.h) and closes `fd`; what was taken before is forgotten. It comes from the agent and is checked all the
 * same. Errors: PMIG_ECORRUPT (with what is wrong), PMIG_EVERSION, PMIG_EIO, PMIG_ENOMEM. */
PMIG_MUST_CHECK int planned_take(int fd);

/* Whether there is a plan: else the program decides by its own rules. */
bool planned_exists(void);

/* The decision for the open descriptor `fd`, which is `st`; NULL: none, it was opened since. *ret_other: the plan knows this number as
 * another thing. */
const struct decision_record *planned_descriptor(int fd, const struct stat *st, bool *ret_other);

/* The decision for what was declared under `slot` and has no descriptor; NULL: none. */
const struct decision_record *planned_slot(int64_t slot);

/* A text of a record; never NULL. Borrowed until planned_forget(). */
const char *planned_text(uint32_t offset);

void planned_forget(void);

#endif
