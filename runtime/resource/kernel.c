/* kernel: options of prctl(), locked memory, rights. */
#include "kernel.h"

#include "keep.h"

#include "../arena/malloc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define GROUPS_MAX 256

/* One locked range; in the arena. */
struct locked {
	struct locked *next;
	uintptr_t address;
	size_t size;
	unsigned flags;
};

static struct rights {
	uid_t users[3]; /* real, effective, saved */
	gid_t groups[3];
	int more_n;
	gid_t more[GROUPS_MAX];
} given;

static void look(struct rights *r)
{
	memset(r, 0, sizeof *r);
	(void)getresuid(&r->users[0], &r->users[1], &r->users[2]);
	(void)getresgid(&r->groups[0], &r->groups[1], &r->groups[2]);
	r->more_n = getgroups(GROUPS_MAX, r->more);
}

void kernel_start(void)
{
	look(&given);
}

static const struct {
	int get, set;
	bool by_pointer; /* the answer is written through the argument */
} options[] = {
	{PR_GET_TIMERSLACK, PR_SET_TIMERSLACK, false},
	{PR_GET_DUMPABLE, PR_SET_DUMPABLE, false},
	{PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, false},
	{PR_GET_THP_DISABLE, PR_SET_THP_DISABLE, false},
	{PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, false},
	{PR_GET_CHILD_SUBREAPER, PR_SET_CHILD_SUBREAPER, true},
	{PR_GET_PDEATHSIG, PR_SET_PDEATHSIG, true},
};
#define OPTIONS (sizeof options / sizeof *options)

static int check_rights(void)
{
	static const char why[] = "the rights of a user belong to the host";
	struct rights now;
	look(&now);
	for (int i = 0; i < 3; i++) {
		if (now.users[i] != given.users[i])
			return error_set(PMIG_EREFUSED, "it has changed its user (%u now, %u when it began); %s",
				(unsigned)now.users[i], (unsigned)given.users[i], why);
		if (now.groups[i] != given.groups[i])
			return error_set(PMIG_EREFUSED, "it has changed its group (%u now, %u when it began); %s",
				(unsigned)now.groups[i], (unsigned)given.groups[i], why);
	}
	return memcmp(&now, &given, sizeof now) == 0
		? 0
		: error_set(PMIG_EREFUSED, "it has changed its supplementary groups; %s", why);
}

int kernel_save(struct record_writer *w)
{
	int e = check_rights();
	if (e < 0)
		return e;
	record_put_u32(w, OPTIONS);
	for (size_t i = 0; i < OPTIONS; i++) {
		int value = 0;
		int r = options[i].by_pointer ? prctl(options[i].get, &value) : prctl(options[i].get, 0, 0, 0, 0);
		value = options[i].by_pointer ? value : r;
		record_put_u32(w, r >= 0 ? (uint32_t)value : UINT32_MAX);
	}
	return record_check(w);
}

int kernel_restore(struct record_reader *r)
{
	uint32_t n = record_get_u32(r);
	for (uint32_t i = 0; i < n && !r->failed; i++) {
		uint32_t value = record_get_u32(r);
		if (i < OPTIONS && value != UINT32_MAX)
			(void)prctl(options[i].set, (unsigned long)value, 0, 0, 0);
	}
	const struct kept *k = keep();
	if (k != NULL && k->lock_flags != 0)
		(void)mlockall(k->lock_flags);
	for (const struct locked *l = k != NULL ? k->locked : NULL; l != NULL; l = l->next)
		(void)mlock2((const void *)l->address, l->size, l->flags);
	kernel_start();
	return 0;
}

static void note(const void *address, size_t size, unsigned flags)
{
	struct kept *k = keep();
	struct locked *l = k != NULL ? pmig_malloc(sizeof *l) : NULL;
	if (l == NULL)
		return;
	*l = (struct locked){k->locked, (uintptr_t)address, size, flags};
	k->locked = l;
}

int pmig_mlock2(const void *address, size_t size, unsigned flags)
{
	int r = mlock2(address, size, flags);
	if (r == 0)
		note(address, size, flags);
	return r;
}

int pmig_mlock(const void *address, size_t size)
{
	int r = mlock(address, size);
	if (r == 0)
		note(address, size, 0);
	return r;
}

/* What lies in the range is forgotten; of what it only touches, all is: a lock too few costs time, one too many memory. */
int pmig_munlock(const void *address, size_t size)
{
	struct kept *k = keep();
	uintptr_t from = (uintptr_t)address, to = from + size;
	for (struct locked **at = k != NULL ? &k->locked : NULL; at != NULL && *at != NULL;) {
		struct locked *l = *at;
		if (l->address >= to || l->address + l->size <= from) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		pmig_free(l);
	}
	return munlock(address, size);
}

int pmig_mlockall(int flags)
{
	struct kept *k = keep();
	int r = mlockall(flags);
	if (r == 0 && k != NULL)
		k->lock_flags = flags;
	return r;
}

int pmig_munlockall(void)
{
	struct kept *k = keep();
	if (k != NULL)
		k->lock_flags = 0;
	(void)pmig_munlock(NULL, SIZE_MAX);
	return munlockall();
}
