/* stream_lock: flockfile() and its kind. Waiting for a stream that another thread has is a safe point. */
#include "futex.h"

#include "stream/owner.h"

void pmig_flockfile(FILE *f);
int pmig_ftrylockfile(FILE *f);
void pmig_funlockfile(FILE *f);

static bool take(struct stream_owner *o, uint32_t *ret_owner)
{
	*ret_owner = 0;
	return atomic_compare_exchange_strong(&o->thread, ret_owner, thread_self()) || *ret_owner == thread_self();
}

void pmig_flockfile(FILE *f)
{
	struct stream_owner *o = pmig_stream_owner(f);
	uint32_t owner;
	while (o != NULL && !take(o, &owner)) {
		atomic_fetch_add(&o->waiting, 1);
		(void)futex_wait(&o->thread, owner, &deadline_never, false);
		atomic_fetch_sub(&o->waiting, 1);
	}
	pmig_stream_lock(f, o);
}

static void give(struct stream_owner *o)
{
	atomic_store(&o->thread, 0);
	if (atomic_load(&o->waiting) != 0)
		futex_wake(&o->thread, 1, false);
}

int pmig_ftrylockfile(FILE *f)
{
	struct stream_owner *o = pmig_stream_owner(f);
	uint32_t owner;
	if (o != NULL && !take(o, &owner))
		return -1;
	if (pmig_stream_try_lock(f, o))
		return 0;
	if (o != NULL && o->count == 0)
		give(o);
	return -1;
}

void pmig_funlockfile(FILE *f)
{
	struct stream_owner *o = pmig_stream_owner(f);
	if (pmig_stream_unlock(f, o))
		give(o);
}
