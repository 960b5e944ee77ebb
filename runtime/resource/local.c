/* local: a table outside the arena, in pieces that never move: other threads look into it while one adds to it. */
#include "local.h"

#include "../guard.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PIECES 24
#define FIRST 16u /* entries in the first piece; each further one doubles the table */

struct entry {
	void *_Atomic p; /* NULL: free */
	_Atomic uint32_t check;
};

static struct entry *_Atomic pieces[PIECES];
static uint32_t counter;
static _Atomic uint64_t process; /* tells this process from those that the handle was in before */

static uint64_t identity(void)
{
	uint64_t known = atomic_load_explicit(&process, memory_order_relaxed);
	if (known == 0) {
		struct timespec t;
		(void)clock_gettime(CLOCK_REALTIME, &t);
		uint64_t mine = ((uint64_t)t.tv_sec << 32 ^ (uint64_t)t.tv_nsec << 2 ^ (uint64_t)getpid() << 16) | 1;
		if (atomic_compare_exchange_strong(&process, &known, mine))
			known = mine;
	}
	return known;
}

/* Of piece `k`: where it begins in the table, and how many entries it has. */
static uint32_t begin_of(unsigned k)
{
	return k == 0 ? 0 : FIRST << (k - 1);
}

static uint32_t room_of(unsigned k)
{
	return k == 0 ? FIRST : FIRST << (k - 1);
}

/* NULL: there is none. */
static struct entry *entry_at(uint32_t index)
{
	unsigned k = index < FIRST ? 0 : 32 - (unsigned)__builtin_clz(index / FIRST);
	struct entry *piece = k < PIECES ? atomic_load_explicit(&pieces[k], memory_order_acquire) : NULL;
	return piece != NULL ? &piece[index - begin_of(k)] : NULL;
}

void *local_get(const struct local *l)
{
	if (__atomic_load_n(&l->process, __ATOMIC_ACQUIRE) != identity())
		return NULL;
	struct entry *e = entry_at(l->index);
	return e != NULL && e->check == l->check ? e->p : NULL;
}

/* A free entry; NULL: no memory. */
static struct entry *find_free(uint32_t *ret_index)
{
	for (unsigned k = 0; k < PIECES; k++) {
		if (pieces[k] == NULL)
			pieces[k] = calloc(room_of(k), sizeof(struct entry));
		struct entry *piece = pieces[k];
		if (piece == NULL)
			return NULL;
		for (uint32_t i = 0; i < room_of(k); i++)
			if (piece[i].p == NULL) {
				*ret_index = begin_of(k) + i;
				return &piece[i];
			}
	}
	return NULL;
}

void *local_set(struct local *l, void *p)
{
	GUARD(GUARD_LOCALS);
	struct entry *e = find_free(&l->index);
	if (e == NULL)
		return NULL;
	e->check = ++counter;
	e->p = p;
	l->check = counter;
	__atomic_store_n(&l->process, identity(), __ATOMIC_RELEASE);
	return p;
}

void *local_take(struct local *l)
{
	GUARD(GUARD_LOCALS);
	void *p = local_get(l);
	if (p != NULL)
		entry_at(l->index)->p = NULL;
	*l = (struct local){0};
	return p;
}
