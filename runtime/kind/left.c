/* left: a list of paths, each with the hashes of its last versions. */
#include "left.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"

#include <string.h>
#include <xxhash.h>

#define VERSIONS 8 /* of one file: one for each host on a round trip is enough */

struct left {
	struct left *next;
	char *path;
	unsigned n; /* versions ever */
	struct left_hash versions[VERSIONS];
};

struct left_hash left_hash(const void *data, uint64_t size)
{
	XXH128_hash_t h = XXH3_128bits(data, size);
	return (struct left_hash){h.low64, h.high64};
}

static struct left *find(const char *path)
{
	struct left *l = *arena_root(ARENA_ROOT_LEFT);
	while (l != NULL && strcmp(l->path, path) != 0)
		l = l->next;
	return l;
}

bool left_knows(const char *path, struct left_hash hash)
{
	const struct left *l = find(path);
	for (unsigned i = 0; l != NULL && i < VERSIONS && i < l->n; i++)
		if (l->versions[i].low == hash.low && l->versions[i].high == hash.high)
			return true;
	return false;
}

void left_remember(const char *path, struct left_hash hash)
{
	if (left_knows(path, hash))
		return;
	struct left *l = find(path);
	if (l == NULL) {
		l = pmig_calloc(1, sizeof *l);
		char *copy = l != NULL ? pmig_strdup(path) : NULL;
		if (copy == NULL) {
			pmig_free(l);
			return;
		}
		l->path = copy;
		l->next = *arena_root(ARENA_ROOT_LEFT);
		*arena_root(ARENA_ROOT_LEFT) = l;
	}
	l->versions[l->n++ % VERSIONS] = hash;
}
