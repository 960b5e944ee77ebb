/* wrap: the object file of one translation unit. */
#ifndef PMIG_INSTRUMENT_WRAP_H
#define PMIG_INSTRUMENT_WRAP_H

#include "object.h"

/* Writes the object file of one translation unit (object.h) to `path`: its symbols, and `unit` as the record.
 * Errors: PMIG_ECORRUPT (not bitcode), PMIG_EIO, PMIG_ENOSUPPORT. */
PMIG_MUST_CHECK int wrap_unit(const struct object_unit *unit, const char *path);

#endif
