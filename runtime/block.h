/* block: system calls that wait, as safe points. */
#ifndef PMIG_BLOCK_H
#define PMIG_BLOCK_H

/* Nonzero: a stop is requested and this thread has not answered yet. Set by the handler of CONTROL_SIGNAL, cleared by
 * pmig_stop() whether or not it could stop there, so that a request interrupts a wait once. */
extern __thread volatile int pmig_asked;

#endif
