/* guard: what of the runtime's state several threads of the program may change at once is changed under one of these. While a thread has
 * a guard no handler of the program runs in it, so that a handler may call whatever it likes; it may take the same guard again.
 *
 *	void pmig_something(void)
 *	{
 *		GUARD(GUARD_MAPPINGS);        // until the end of the block
 *
 * A safe point never lies inside: when all threads stand still, no guard is taken. The order below is the order in which they are
 * taken by whoever needs several, and by fork(), whose child has all of them open. */
#ifndef PMIG_GUARD_H
#define PMIG_GUARD_H

#include <signal.h>

enum guard {
	GUARD_MAPPINGS, /* arena/mapping.c */
	GUARD_DECLARATIONS,
	GUARD_REMOTE, /* what lies at another host, by descriptors and by paths; the links to it */
	GUARD_REFERRED,
	GUARD_DATAGRAMS, /* what is taken from their numbers: reference/calls_datagram.c */
	GUARD_LOCALS,    /* things of this process behind handles */
	GUARD_TEXTS,     /* resource/keep.c, and what lies beside it */
	GUARD_ENVIRONMENT,
	GUARD_HANDLERS, /* handler.c */
	GUARD_CHILDREN,
	GUARD_BONDS,  /* resource/bound.c */
	GUARD_ENDING, /* atexit */
	GUARDS
};

struct guard_held {
	enum guard guard;
	sigset_t before;
};

#define GUARD(name) \
	__attribute__((cleanup(guard_let))) struct guard_held guard_held; \
	guard_take(name, &guard_held)

/* errno stays. */
void guard_take(enum guard name, struct guard_held *ret_held);
void guard_let(const struct guard_held *held);

/* Once, at start and after a restore: fork() finds no guard taken by another thread. */
void guard_start(void);

#endif
