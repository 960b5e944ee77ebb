/* limits: those that would stand in the runtime's way are lifted meanwhile. */
#include "limits.h"

#include <stdbool.h>
#include <sys/resource.h>

static struct rlimit its[RLIMIT_NLIMITS]; /* what the program has, where that is not what the process has just now */
static bool lifted[RLIMIT_NLIMITS], wanted[RLIMIT_NLIMITS];

void limits_lift(void)
{
	static const int in_the_way[] = {RLIMIT_FSIZE, RLIMIT_NOFILE};
	for (size_t i = 0; i < sizeof in_the_way / sizeof *in_the_way; i++) {
		int which = in_the_way[i];
		__rlimit_resource_t resource = (__rlimit_resource_t)which;
		struct rlimit now;
		if (getrlimit(resource, &now) < 0 || now.rlim_cur == now.rlim_max)
			continue;
		its[which] = now;
		lifted[which] = setrlimit(resource, &(struct rlimit){now.rlim_max, now.rlim_max}) == 0;
	}
}

void limits_put_back(void)
{
	for (int i = 0; i < RLIMIT_NLIMITS; i++)
		if (lifted[i])
			(void)setrlimit((__rlimit_resource_t)i, &its[i]);
	for (int i = 0; i < RLIMIT_NLIMITS; i++)
		lifted[i] = false;
}

void limits_save(struct record_writer *w)
{
	record_put_u32(w, RLIMIT_NLIMITS);
	for (int i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit l = {RLIM_INFINITY, RLIM_INFINITY};
		if (lifted[i])
			l = its[i];
		else
			(void)getrlimit((__rlimit_resource_t)i, &l);
		record_put_u64(w, l.rlim_cur);
		record_put_u64(w, l.rlim_max);
	}
}

void limits_restore(struct record_reader *r)
{
	uint32_t n = record_get_u32(r);
	limits_lift(); /* those that this process began with */
	for (uint32_t i = 0; i < n && !r->failed; i++) {
		struct rlimit l = {record_get_u64(r), record_get_u64(r)};
		if (i >= RLIMIT_NLIMITS || r->failed)
			continue;
		its[i] = l;
		lifted[i] = false;
		wanted[i] = true;
	}
}

void limits_settle(void)
{
	for (int i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit now, l = its[i];
		if (!wanted[i] || getrlimit((__rlimit_resource_t)i, &now) < 0)
			continue;
		l.rlim_max = l.rlim_max < now.rlim_max ? l.rlim_max : now.rlim_max;
		l.rlim_cur = l.rlim_cur < l.rlim_max ? l.rlim_cur : l.rlim_max;
		l.rlim_max = now.rlim_max; /* lowering it could not be taken back */
		(void)setrlimit((__rlimit_resource_t)i, &l);
		wanted[i] = false;
	}
}
