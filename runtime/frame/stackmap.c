/* stackmap: an index by return address over LLVM's sections, made at the first checkpoint. */
#include "stackmap.h"

#include "program.h"

#include "../arena/lock.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

struct header {
	uint8_t version, reserved0;
	uint16_t reserved1;
	uint32_t functions, constants, records;
};

struct map_function {
	uint64_t address, stack_size, records;
};

struct record {
	uint64_t id;
	uint32_t offset; /* of the return address in its function */
	uint16_t reserved, locations;
};

struct slot {
	uint64_t address;
	const struct record *record;
	const struct header *map;
};

static struct {
	struct slot *slots;
	size_t mask;
} map;

static size_t start_of(uint64_t address)
{
	return (address * 0x9e3779b97f4a7c15u >> 32) & map.mask;
}

static void put(uint64_t address, const struct record *record, const struct header *of)
{
	size_t i = start_of(address);
	while (map.slots[i].record != NULL && map.slots[i].address != address)
		i = (i + 1) & map.mask;
	map.slots[i] = (struct slot){address, record, of};
}

static const struct stackmap_location *locations(const struct record *r)
{
	return (const struct stackmap_location *)(r + 1);
}

/* Behind the locations: alignment to 8, padding, live-outs (4 bytes each), alignment to 8. */
static const struct record *next(const struct record *r)
{
	uintptr_t p = ((uintptr_t)(locations(r) + r->locations) + 7) & ~(uintptr_t)7;
	uint16_t liveouts;
	memcpy(&liveouts, (const char *)p + 2, sizeof liveouts);
	return (const struct record *)((p + 4 + 4u * liveouts + 7) & ~(uintptr_t)7);
}

static const uint64_t *constants(const struct header *h)
{
	return (const uint64_t *)((const struct map_function *)(h + 1) + h->functions);
}

static void add(const struct header *h)
{
	const struct map_function *f = (const struct map_function *)(h + 1);
	const struct record *r = (const struct record *)(constants(h) + h->constants);
	for (uint32_t i = 0; i < h->functions; i++)
		for (uint64_t k = 0; k < f[i].records; k++, r = next(r))
			put(f[i].address + r->offset, r, h);
}

static int load(void)
{
	const void *const *first = pmig_program.stack_maps, *const *end = pmig_program.stack_maps_end;
	size_t records = 0, capacity = 64;
	if (map.slots != NULL || first == end)
		return 0;
	for (const void *const *m = first; m < end; m++) {
		const struct header *h = *m;
		if (h->version != 3)
			return error_set(PMIG_ECORRUPT, "stack maps of version %u; this runtime reads version 3",
				h->version);
		records += h->records;
	}
	while (capacity < 2 * records)
		capacity *= 2;
	void *p = mmap(NULL, capacity * sizeof(struct slot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return error_set(PMIG_ENOMEM, "no memory for the index of %zu stack maps", records);
	map.slots = p;
	map.mask = capacity - 1;
	for (const void *const *m = first; m < end; m++)
		add(*m);
	return 0;
}

int stackmap_load(void)
{
	static struct lock lock;
	lock_take(&lock);
	int r = load();
	lock_open(&lock);
	return r;
}

bool stackmap_find(uint64_t address, struct stackmap_record *ret)
{
	if (map.slots == NULL)
		return false;
	size_t i = start_of(address);
	while (map.slots[i].record != NULL && map.slots[i].address != address)
		i = (i + 1) & map.mask;
	const struct record *r = map.slots[i].record;
	if (r == NULL || r->id >= pmig_program.sites_count || r->locations < 3)
		return false;
	/* a statepoint's first three locations: calling convention, flags, number of deopt values */
	*ret = (struct stackmap_record){.site = r->id,
		.values = locations(r) + 3,
		.values_count = (uint32_t)locations(r)[2].offset,
		.map = map.slots[i].map};
	return ret->values_count <= (uint32_t)r->locations - 3;
}

uint64_t stackmap_constant(const struct stackmap_record *r, uint32_t index)
{
	const struct header *h = r->map;
	return index < h->constants ? constants(h)[index] : 0;
}
