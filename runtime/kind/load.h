/* load: kinds from outside the tree: shared objects that have a `const struct pmig_kind pmig_kind` (<pmig/kind.h>). */
#ifndef PMIG_KIND_LOAD_H
#define PMIG_KIND_LOAD_H

#include "../base/error.h"

#include <pmig/kind.h>

#define LOAD_MAX 64 /* kinds from outside */

/* Loads the shared objects `paths`, a line each; before main(), and in a restored process before anything of the image is there. Errors:
 * PMIG_ENOENT (no such file, or it cannot be loaded), PMIG_EVERSION, PMIG_EINVAL (not a kind), PMIG_EEXIST (its name is taken). */
PMIG_MUST_CHECK int load_kinds(const char *paths);

/* The `index`-th of them; NULL: no more. */
const struct pmig_kind *load_at(size_t index);

/* The agent learns what they can do: CONTROL_KIND. */
void load_announce(void);

#endif
