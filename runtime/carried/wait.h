/* wait: how a function of the C library that waits is a safe point. Each such function is one here that pmig-cc compiles, so that
 * a waiter is an ordinary frame: it is captured, and repeats the call after the move.
 *
 * A wait ends with EINTR when a handler of the program has run since it began that would have broken it off, wherever that was:
 * in the call, at the safe point, or after the move because of a signal that was pending. */
#ifndef PMIG_CARRIED_WAIT_H
#define PMIG_CARRIED_WAIT_H

#include "block.h"

#include <pmig/pmig.h>

#include <errno.h>
#include <sys/syscall.h>

#define WAIT_INLINE static inline __attribute__((always_inline))
#define WAIT_CALL __attribute__((noinline)) /* the program's caller has one site, whatever is in the function */

/* Comes to the safe point before another try. -EINTR if a handler has run since `handled` was block_count(what). */
WAIT_INLINE long wait_again(enum block_breaks what, uint32_t handled)
{
	(void)pmig_safepoint();
	return block_count(what) != handled ? -EINTR : 0;
}

/* The call, until it has had an effect. */
WAIT_INLINE long wait_call6(enum block_breaks what, long number, long a, long b, long c, long d, long e, long f)
{
	uint32_t handled = block_count(what);
	for (;;) {
		long r = wait_again(what, handled);
		if (r == 0)
			r = pmig_block(number, a, b, c, d, e, f);
		if (r != BLOCK_STOPPED)
			return r;
	}
}
#define wait_call(what, ...) wait_call_(what, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define wait_call_(what, number, a, b, c, d, e, f, ...) \
	wait_call6(what, number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* As libc says it. */
WAIT_INLINE long wait_result(long r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

/* Whether `fd` leads to a file at another host (reference/descriptors.h). */
int pmig_remote(int fd);

#endif
