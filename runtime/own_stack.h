/* own_stack: a function on a stack of its own, for a signal handler that needs more than a program's alternate stack has. */
#ifndef PMIG_OWN_STACK_H
#define PMIG_OWN_STACK_H

/* On the calling thread's stack, or on a fresh one where that is the alternate one of sigaltstack(2); not at all if there is no memory for it. Does
 * not return by longjmp(). May be called from a signal handler. */
void own_stack_call(void (*function)(void *), void *argument);

#endif
