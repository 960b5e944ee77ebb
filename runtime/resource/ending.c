/* ending: atexit(), on_exit(), at_quick_exit(). */
#include "ending.h"

#include "replaced.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"
#include "../guard.h"
#include "../reference/descriptors.h"
#include "../reference/remote_file.h"

#include <stdbool.h>
#include <stdlib.h>

struct work {
	struct work *next;
	bool quick;
	void (*plain)(void);
	void (*with_status)(int, void *);
	void *argument;
};

/* The next to be done; NULL: none. */
static struct work *take(bool quick)
{
	GUARD(GUARD_ENDING);
	struct work **w = (struct work **)arena_root(ARENA_ROOT_ATEXIT);
	while (*w != NULL && (*w)->quick != quick)
		w = &(*w)->next;
	struct work *found = *w;
	if (found != NULL)
		*w = found->next;
	return found;
}

/* Last come, first done; what a handler adds is done next (C17 7.22.4.4). */
static void run(int status, bool quick)
{
	for (struct work *now; (now = take(quick)) != NULL;) {
		if (now->plain != NULL)
			now->plain();
		else
			now->with_status(status, now->argument);
	}
}

static void at_exit(int status, void *argument)
{
	(void)argument;
	run(status, false);
	remote_file_hurry(); /* what the streams still have is written after this, and nobody waits for it any more */
	descriptors_flush();
}

static void at_quick(void)
{
	run(0, true);
}

int ending_start(void)
{
	static bool done;
	if (!done && (on_exit(at_exit, NULL) != 0 || at_quick_exit(at_quick) != 0))
		return error_set(PMIG_ENOMEM, "no memory for what is to be done at the end");
	done = true;
	return 0;
}

static int add(struct work what)
{
	struct work **list = (struct work **)arena_root(ARENA_ROOT_ATEXIT);
	struct work *w = pmig_malloc(sizeof *w);
	if (w == NULL)
		return -1;
	*w = what;
	GUARD(GUARD_ENDING);
	w->next = *list;
	*list = w;
	return 0;
}

int pmig_atexit(void (*work)(void))
{
	return add((struct work){.plain = work});
}

int pmig_on_exit(void (*work)(int status, void *argument), void *argument)
{
	return add((struct work){.with_status = work, .argument = argument});
}

int pmig_at_quick_exit(void (*work)(void))
{
	return add((struct work){.plain = work, .quick = true});
}
