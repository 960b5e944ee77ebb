/* environment: environ, the arguments and the program's name, in the arena. */
#ifndef PMIG_RESOURCE_ENVIRONMENT_H
#define PMIG_RESOURCE_ENVIRONMENT_H

#include "record.h"

/* Copies all into the arena and sets environ and program_invocation_name. Errors: PMIG_ENOMEM. */
PMIG_MUST_CHECK int environment_start(int argc, char **argv, char **envp);

/* The copies of the arguments. */
char **environment_arguments(int *ret_argc);

/* At a checkpoint: what another library put into environ meanwhile is copied too. After a restore: points libc at the
 * copies. Errors: PMIG_ENOMEM, PMIG_ECORRUPT. */
PMIG_MUST_CHECK int environment_save(struct record_writer *w);
PMIG_MUST_CHECK int environment_restore(struct record_reader *r);

#endif
