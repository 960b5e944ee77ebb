/* thread_fork: pthread_atfork(). fork.c calls what is here, in programs that have it. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

int pmig_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
void pmig_fork_prepare(void);
void pmig_fork_parent(void);
void pmig_fork_child(void);

/* Never taken out: another thread may be forking. */
struct work {
	struct work *_Atomic later; /* towards what was said last */
	struct work *earlier;
	void (*prepare)(void), (*parent)(void), (*child)(void);
};

static struct work *first, *_Atomic last;

int pmig_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	struct work *w = malloc(sizeof *w);
	if (w == NULL)
		return ENOMEM;
	*w = (struct work){.prepare = prepare, .parent = parent, .child = child};
	w->earlier = atomic_exchange(&last, w);
	if (w->earlier != NULL)
		atomic_store(&w->earlier->later, w);
	else
		first = w;
	return 0;
}

void pmig_fork_prepare(void)
{
	for (const struct work *w = last; w != NULL; w = w->earlier)
		if (w->prepare != NULL)
			w->prepare();
}

void pmig_fork_parent(void)
{
	for (const struct work *w = first; w != NULL; w = w->later)
		if (w->parent != NULL)
			w->parent();
}

void pmig_fork_child(void)
{
	for (const struct work *w = first; w != NULL; w = w->later)
		if (w->child != NULL)
			w->child();
}
