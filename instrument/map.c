/* map: open addressing, linear probing. */
#include "map.h"

#include <stdio.h>
#include <stdlib.h>

void *map_alloc(size_t count, size_t size)
{
	void *p = calloc(count != 0 ? count : 1, size);
	if (p == NULL) {
		fputs("pmig-instrument: not enough memory\n", stderr);
		exit(1);
	}
	return p;
}

void *map_grow(void *array, size_t *capacity, size_t used, size_t size)
{
	if (used < *capacity)
		return array;
	size_t wanted = *capacity != 0 ? *capacity * 2 : 16;
	void *p = reallocarray(array, wanted, size);
	if (p == NULL) {
		fputs("pmig-instrument: not enough memory\n", stderr);
		exit(1);
	}
	*capacity = wanted;
	return p;
}

static size_t slot_of(const struct map *m, const void *key)
{
	size_t i = (((uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u) & (m->capacity - 1);
	while (m->entries[i].key != NULL && m->entries[i].key != key)
		i = (i + 1) & (m->capacity - 1);
	return i;
}

static void enlarge(struct map *m)
{
	struct map old = *m;
	m->capacity = old.capacity != 0 ? old.capacity * 2 : 64;
	m->entries = map_alloc(m->capacity, sizeof *m->entries);
	for (size_t i = 0; i < old.capacity; i++)
		if (old.entries[i].key != NULL)
			m->entries[slot_of(m, old.entries[i].key)] = old.entries[i];
	free(old.entries);
}

void map_put(struct map *m, const void *key, uint32_t number)
{
	if (2 * (m->used + 1) > m->capacity)
		enlarge(m);
	size_t i = slot_of(m, key);
	if (m->entries[i].key == NULL)
		m->used++;
	m->entries[i] = (struct map_entry){key, number};
}

uint32_t map_get(const struct map *m, const void *key)
{
	if (m->capacity == 0)
		return MAP_NONE;
	size_t i = slot_of(m, key);
	return m->entries[i].key == key ? m->entries[i].number : MAP_NONE;
}

void map_finish(struct map *m)
{
	free(m->entries);
	*m = (struct map){0};
}
