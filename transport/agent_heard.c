/* agent_heard: the highest epoch that a supervisor knew. One that knows less is late: the program has gone on without it, under another one.
 * It is heard out, so that it can find out, but nothing that is held here is opened, resumed or let go of for it, and no bytes go its way
 * or come from there. What is held here ends with this agent, so what it has heard need not outlive it; who owns an epoch is in the
 * registry, and is asked there by the requests of the hand-over. */
#include "agent_parts.h"

#include <string.h>

static bool is_for_the_latest(const char *name)
{
	static const char *const names[] = {
		"open", "opened", "resume", "over", "quiet", "tell", "told", "let-go", "end", "fence"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

int agent_heard(struct agent *a, const char *name, const json_t *request)
{
	int64_t knows = agent_number(request, "knows", 0);
	if (knows > 0) {
		a->late = (uint64_t)knows < a->heard;
		if (!a->late)
			a->heard = (uint64_t)knows;
	}
	if (!a->late || !is_for_the_latest(name))
		return 0;
	return error_set(PMIG_ESTALE,
		"%s is in epoch %llu, as another supervisor has told; this one knows of epoch %lld only", a->name,
		(unsigned long long)a->heard, (long long)knows);
}

struct peer *agent_way(const struct agent *a)
{
	return a->late ? NULL : a->driver;
}
