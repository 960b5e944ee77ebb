/* zone: local time stays what it was. A zone is known by the rules at the end of its file (RFC 9636, 3.3), which libc takes as they are. */
#ifndef PMIG_RESOURCE_ZONE_H
#define PMIG_RESOURCE_ZONE_H

#include "record.h"

/* What TZ, or the host's own zone where it is not set, means here. */
PMIG_MUST_CHECK int zone_save(struct record_writer *w);

/* After the environment: where this host has another zone, or no file of that name, TZ becomes the old rules. */
PMIG_MUST_CHECK int zone_restore(struct record_reader *r);

#endif
