/* foreign: native threads that the program did not make. Libraries make theirs by pthread_create() of the executable (foreign_create.c), so
 * that it is known who they are, and so that a thread that calls the program's functions finds a frame stack and
 * thread-local variables. They are not carried: while there is one, no checkpoint is taken. */
#ifndef PMIG_FOREIGN_H
#define PMIG_FOREIGN_H

#include "base/error.h"

#include <pthread.h>

/* libc's pthread_create(). */
int foreign_real_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

/* What pthread_create() calls; NULL: libc's. `maker`: an address in who called it. */
extern int (*foreign_create)(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *), void *argument,
	const void *maker);

/* Before the program runs: from now on threads of libraries are known. */
void foreign_start(void);

/* Error: PMIG_EREFUSED: there is one; the reason names it and who made it. */
PMIG_MUST_CHECK int foreign_check(void);

#endif
