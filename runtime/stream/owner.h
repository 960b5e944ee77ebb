/* owner: who has locked a stream with flockfile(). libc's own lock knows a native thread and is made anew with its FILE; who waits for it
 * inside libc cannot be moved. So the lock is taken here first, where waiting is a safe point (carried/stream_lock.c), and libc's by the thread that
 * has it, once more after a restore. */
#ifndef PMIG_STREAM_OWNER_H
#define PMIG_STREAM_OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Lies in the stream's slot. */
struct stream_owner {
	_Atomic uint32_t thread; /* index + 1; 0: nobody. A futex */
	_Atomic uint32_t waiting;
	uint32_t count; /* how often it has it */
};

/* Of `f`; NULL: a stream that is not in a slot. */
struct stream_owner *pmig_stream_owner(FILE *f);

/* For the owner, libc's own lock: taken, tried, given back; true if it had it for the last time. */
void pmig_stream_lock(FILE *f, struct stream_owner *o);
bool pmig_stream_try_lock(FILE *f, struct stream_owner *o);
bool pmig_stream_unlock(FILE *f, struct stream_owner *o);

/* In a thread of a restored program, before it runs: takes libc's locks of the streams that it had locked. */
void owner_lock_again(void);

#endif
