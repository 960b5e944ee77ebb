/* thread: the program's threads. */
#ifndef PMIG_THREAD_H
#define PMIG_THREAD_H

#include "arena/arena.h"

/* The block of the calling thread, in the arena: the same address after a move. NULL in a thread that a library made. */
extern __thread struct arena_thread *pmig_thread;

#endif
