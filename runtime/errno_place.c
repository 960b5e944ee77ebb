/* errno_place: a list in the arena. */
#include "errno_place.h"

#include "arena/arena.h"
#include "arena/malloc.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#define PLACES_MAX 15

struct places {
	uint64_t count;
	const int **variables[PLACES_MAX];
};

static const int *of_main;

static struct places *places(void)
{
	return *arena_root(ARENA_ROOT_ERRNO);
}

int errno_place_start(void)
{
	of_main = &errno;
	if (places() == NULL)
		*arena_root(ARENA_ROOT_ERRNO) = pmig_calloc(1, sizeof(struct places));
	return places() == NULL ? error_set(PMIG_ENOMEM, "no memory for the places of errno") : 0;
}

void errno_place_forget(void)
{
	if (places() != NULL)
		places()->count = 0;
}

bool errno_place_note(const void *variable, const void *pointer)
{
	struct places *p = places();
	if (p == NULL || pointer != of_main || p->count == PLACES_MAX)
		return false;
	p->variables[p->count++] = (const int **)(uintptr_t)variable;
	return true;
}

void errno_place_set(void)
{
	const struct places *p = places();
	of_main = &errno;
	for (uint64_t i = 0; p != NULL && i < p->count; i++)
		*p->variables[i] = &errno;
}
