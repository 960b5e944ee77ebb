/* outside_place: where a word of what travels lies, in words: the variable, or the heap block and the variable that leads to it. */
#ifndef PMIG_OUTSIDE_PLACE_H
#define PMIG_OUTSIDE_PLACE_H

#include "frame/walk.h"

#include <stddef.h>

struct program_global;

struct outside_place {
	struct walk_buffer *const *frames;   /* by thread block; NULL: none */
	const struct program_global *global; /* the variable that is looked through; NULL: none */
	const struct walk_buffer *in;        /* the frames that are; NULL: none */
};

/* Writes the place of `word`. For a heap block all that travels is searched for what leads to it: that takes as long as a check. */
void outside_place_name(const struct outside_place *p, const void *word, char *out, size_t size);

#endif
