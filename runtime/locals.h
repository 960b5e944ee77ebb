/* locals: the program's thread-local variables, which lie in the blocks of its threads. */
#ifndef PMIG_LOCALS_H
#define PMIG_LOCALS_H

#include "arena/arena.h"

/* Gives the variables of `thread` their initial values. Before its first instruction, never after a restore. */
void locals_start(struct arena_thread *thread);

#endif
