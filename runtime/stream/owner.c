/* owner: libc's side of flockfile(). */
#include "owner.h"

#include "stream.h"

#include "../thread.h"

struct stream_owner *pmig_stream_owner(FILE *f)
{
	struct stream *s = stream_find(f);
	return s != NULL && pmig_thread != NULL ? &s->owner : NULL;
}

void pmig_stream_lock(FILE *f, struct stream_owner *o)
{
	flockfile(f);
	if (o != NULL)
		o->count++;
}

bool pmig_stream_try_lock(FILE *f, struct stream_owner *o)
{
	bool got = ftrylockfile(f) == 0;
	if (got && o != NULL)
		o->count++;
	return got;
}

bool pmig_stream_unlock(FILE *f, struct stream_owner *o)
{
	bool last = o != NULL && o->count > 0 && --o->count == 0;
	funlockfile(f);
	return last;
}

void owner_lock_again(void)
{
	for (struct stream *s = stream_next(NULL); s != NULL && pmig_thread != NULL; s = stream_next(s))
		for (uint32_t i = 0; s->owner.thread == pmig_thread->index + 1 && i < s->owner.count; i++)
			flockfile(s->handle);
}
