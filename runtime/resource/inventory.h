/* inventory: what this process has open, described and decided, during one checkpoint; written at the source, made
 * anew at the target. */
#ifndef PMIG_RESOURCE_INVENTORY_H
#define PMIG_RESOURCE_INVENTORY_H

#include "content.h"

#include <stdbool.h>

/* leave.c. Whether each handle can be saved at this safe point: 0, PMIG_EBUSY or PMIG_EREFUSED with its name. */
PMIG_MUST_CHECK int leave_ready(void);

/* Describes everything that is open or declared, decides, writes. What was found stays until leave_finish().
 * Errors: PMIG_EREFUSED with the name of the resource, and of every further one that refuses. */
PMIG_MUST_CHECK int leave_write(struct pmig_writer *w, bool (*skip)(int fd));
int leave_release(void); /* at the source: what has moved is removed; how many things were left there */
void leave_finish(void);

/* arrive.c. Makes everything anew; on failure all is undone and descriptors 0 to 2 are as they were. */
PMIG_MUST_CHECK int arrive_read(struct pmig_reader *in, bool rewind, bool (*skip)(int fd));

/* For a kind, during it: a descriptor that is to wait gets a number that is in nobody's way. Takes `fd`. Error: PMIG_EREFUSED. */
PMIG_MUST_CHECK int arrive_away(int fd);
void arrive_undo(void);   /* the process will not run here */
void arrive_finish(void); /* it does */

#endif
