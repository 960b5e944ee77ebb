/* handler: the program's signal handlers, and what each thread has set about signals.
 *
 * The kernel enters every handler of the program through handler_enter(): it counts (block_handled()), keeps the frame stack of what
 * was interrupted, and sends what a library's own thread gets to a thread of the program. What the program set lies in the
 * arena; what sigaction(2) tells it is what it set. CONTROL_SIGNAL is the runtime's: the program's handler of it is called as well, and
 * what the program blocks of it is only remembered.
 *
 * Normal usage, by the runtime: handler_start() before the program runs; handler_park() in each thread that stands still,
 * handler_unpark() before it goes on, in this process or in the one that was restored. */
#ifndef PMIG_HANDLER_H
#define PMIG_HANDLER_H

#include "arena/arena.h"
#include "control.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>

/* Makes the table. Error: PMIG_ENOMEM. */
PMIG_MUST_CHECK int handler_start(void);

/* What the kernel calls. */
void handler_enter(int number, siginfo_t *info, void *context);

/* The address that a walk finds below a frame of a handler: the start of the function that calls it. */
bool handler_calls(const void *function);

/* From the handler of CONTROL_SIGNAL, where it was not the runtime that sent it: the program's own, if it has one. */
void handler_control(siginfo_t *info, void *context);

/* What the program set for `number`; the handler is SIG_DFL where it set none. */
void handler_get(int number, struct sigaction *ret);

/* The calling thread stands still: blocks every signal, and takes down in its block what it had blocked, what waits for it alone (with
 * the values that were sent), and its alternate stack. Nothing, where it has done so. */
void handler_park(void);

/* Whether it lies on an alternate stack: nobody runs there at a safe point, and what was left there is nothing. */
bool handler_stack_has(const void *p);

/* What waits for the process as a whole; by one thread, when all are parked. Error: PMIG_ENOMEM. */
PMIG_MUST_CHECK int handler_park_process(void);

/* Takes up what was taken down. The signals that waited are sent again, first those of the process. */
void handler_unpark_process(void);
void handler_unpark(void);

/* The mask as the kernel is to have it: never CONTROL_SIGNAL, and neither of libc's own two. */
static inline uint64_t handler_kernel_mask(const sigset_t *program)
{
	uint64_t mask;
	memcpy(&mask, program, sizeof mask);
	return mask & ~(1ull << (CONTROL_SIGNAL - 1) | 3ull << 31);
}

/* What programs call in place of libc's functions without the prefix. */
int pmig_sigaction(int number, const struct sigaction *action, struct sigaction *ret_old);
sighandler_t pmig_signal(int number, sighandler_t handler);
sighandler_t pmig_sysv_signal(int number, sighandler_t handler);
sighandler_t pmig_sigset(int number, sighandler_t handler);
int pmig_sigignore(int number);
int pmig_siginterrupt(int number, int interrupts);
int pmig_sigprocmask(int how, const sigset_t *set, sigset_t *ret_old);
int pmig_pthread_sigmask(int how, const sigset_t *set, sigset_t *ret_old);
int pmig_sighold(int number);
int pmig_sigrelse(int number);
int pmig_sigblock(int mask);
int pmig_sigsetmask(int mask);
int pmig_siggetmask(void);

#endif
