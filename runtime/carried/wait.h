/* wait: how a function of the C library that waits is a safe point. Each such function is one here that pmig-cc compiles, so that
 * a waiter is an ordinary frame: it is captured, and repeats the call after the move.
 *
 * A wait ends with EINTR when a handler of the program has run since it began that would have broken it off, wherever that was:
 * in the call, at the safe point, or after the move because of a signal that was pending. */
#ifndef PMIG_CARRIED_WAIT_H
#define PMIG_CARRIED_WAIT_H

#include "block.h"
#include "cancel.h"

#include <pmig/pmig.h>

#include "resource/replaced.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define WAIT_INLINE static inline __attribute__((always_inline))
#define WAIT_CALL __attribute__((noinline)) /* the program's caller has one site, whatever is in the function */

/* wait_socket.c: a call on `fd` was stopped that may take as long as the socket says from `begun` on. 0: once more;
 * -EAGAIN: that time is over; -EINTR as wait_again(). */
long pmig_wait_socket(int fd, int option, const struct timespec *begun, uint32_t handled);

/* wait_rest.c: a call that goes on where it has an effect had one on the first `done` bytes of `parts` only, because it
 * was stopped: goes on with SYS_writev, SYS_sendmsg or SYS_recvmsg. The bytes in the end, at least `done`. */
long pmig_wait_rest(long number, int fd, const struct iovec *parts, size_t n, size_t done, int flags);

/* Whether a call that had an effect on `r` of `size` bytes goes on with the rest: it would not have ended so but for the
 * request. */
WAIT_INLINE bool wait_stopped_short(long r, size_t size)
{
	return r > 0 && (size_t)r < size && pmig_asked != 0;
}

/* reference/calls_datagram.h: datagrams whose socket lies at another host. Asked anew for each try: the process may have moved. */
extern bool pmig_datagram_any;
long pmig_datagram_call(long number, int fd, long b, long c, long d, long e, long f);

WAIT_INLINE long wait_transfer(long number, long fd, long b, long c, long d, long e, long f)
{
	if (__builtin_expect(pmig_datagram_any, 0))
		return pmig_datagram_call(number, (int)fd, b, c, d, e, f);
	return pmig_block(number, fd, b, c, d, e, f);
}

/* Whether `fd` leads to a file at another host (reference/descriptors.h). */
int pmig_remote(int fd);

/* Comes to the safe point before another try, and to the end of a thread that was cancelled. -EINTR if a handler has run
 * since `handled` was block_count(what). */
WAIT_INLINE long wait_again(enum block_breaks what, uint32_t handled)
{
	block_point();
	if (pmig_thread != NULL)
		wait_cancel();
	return block_count(what) != handled ? -EINTR : 0;
}

/* The same where the call returns at once whatever happens: no handler breaks that off. */
WAIT_INLINE long wait_again_unless(bool at_once, enum block_breaks what, uint32_t handled)
{
	long r = wait_again(what, handled);
	return at_once ? 0 : r;
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

/* The same on a descriptor, which may be a socket with a time of its own, `option` SO_RCVTIMEO or SO_SNDTIMEO: socket(7). */
WAIT_INLINE long wait_descriptor6(int option, long number, long fd, long b, long c, long d, long e, long f)
{
	uint32_t handled = block_count(BLOCK_BREAKER);
	struct timespec begun;
	(void)pmig_clock_gettime(CLOCK_MONOTONIC_COARSE, &begun);
	for (;;) {
		long r = wait_again(BLOCK_BREAKER, handled);
		if (r == 0)
			r = wait_transfer(number, fd, b, c, d, e, f);
		if (r != BLOCK_STOPPED)
			return r;
		r = pmig_wait_socket((int)fd, option, &begun, handled);
		if (r < 0)
			return r;
	}
}
#define wait_descriptor(option, ...) wait_descriptor_(option, __VA_ARGS__, 0, 0, 0, 0, 0)
#define wait_descriptor_(option, number, a, b, c, d, e, f, ...) \
	wait_descriptor6(option, number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* As libc says it. */
WAIT_INLINE long wait_result(long r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

#endif
