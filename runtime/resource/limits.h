/* limits: the resource limits of the process. They bind the program, not what the runtime does for it: while an image is written and until
 * a restored program begins, files may be as large and descriptors as many as the host lets them. */
#ifndef PMIG_RESOURCE_LIMITS_H
#define PMIG_RESOURCE_LIMITS_H

#include "record.h"

/* Around a checkpoint. In between limits_save() has what the program has. */
void limits_lift(void);
void limits_put_back(void);

void limits_save(struct record_writer *w);
void limits_restore(struct record_reader *r); /* limits_settle() sets them */

/* As far as this host lets it: what it forbids stays as it is. */
void limits_settle(void);

#endif
