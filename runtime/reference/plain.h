/* plain: connections that stayed at their host and whose bytes come directly, by plain TCP: the number is a TCP socket then, and not one of a
 * channel. What can be moved is a channel's. */
#ifndef PMIG_REFERENCE_PLAIN_H
#define PMIG_REFERENCE_PLAIN_H

#include "../base/error.h"

/* At the freeze, before anything is looked at: each such number becomes a channel's, with all bytes that were under way. One that cannot stays
 * as it is, and has ended or broken. PMIG_EUNREACHED, PMIG_EBUSY: not now. */
PMIG_MUST_CHECK int plain_settle(void);

#endif
