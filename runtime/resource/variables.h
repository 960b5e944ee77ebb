/* variables: what a program has set of libc's rarely used variables: numbers, and pointers to what is its own. */
#ifndef PMIG_RESOURCE_VARIABLES_H
#define PMIG_RESOURCE_VARIABLES_H

#include "record.h"

PMIG_MUST_CHECK int variables_save(struct record_writer *w);
PMIG_MUST_CHECK int variables_restore(struct record_reader *r);

#endif
