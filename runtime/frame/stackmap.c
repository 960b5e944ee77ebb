/* stackmap: an index by return address over LLVM's section, made at the first checkpoint. */
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
};

static struct {
	struct slot *slots;
	size_t mask;
	const uint64_t *constants;
	uint32_t constants_count;
} map;

static size_t start_of(uint64_t address)
{
	return (address * 0x9e3779b97f4a7c15u >> 32) & map.mask;
}

static void put(uint64_t address, const struct record *record)
{
	size_t i = start_of(address);
	while (map.slots[i].record != NULL && map.slots[i].address != address)
		i = (i + 1) & map.mask;
	map.slots[i] = (struct slot){address, record};
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

static int load(void)
{
	if (map.slots != NULL || pmig_program.stack_maps == NULL)
		return 0;
	const struct header *h = pmig_program.stack_maps;
	if (h->version != 3)
		return error_set(PMIG_ECORRUPT, "stack maps of version %u; this runtime reads version 3", h->version);
	size_t capacity = 64;
	while (capacity < 2 * (size_t)h->records)
		capacity *= 2;
	void *p = mmap(NULL, capacity * sizeof(struct slot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return error_set(PMIG_ENOMEM, "no memory for the index of %u stack maps", h->records);
	map.slots = p;
	map.mask = capacity - 1;
	const struct map_function *f = (const struct map_function *)(h + 1);
	map.constants = (const uint64_t *)(f + h->functions);
	map.constants_count = h->constants;
	const struct record *r = (const struct record *)(map.constants + h->constants);
	for (uint32_t i = 0; i < h->functions; i++)
		for (uint64_t k = 0; k < f[i].records; k++, r = next(r))
			put(f[i].address + r->offset, r);
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
	*ret = (struct stackmap_record){
		.site = r->id, .values = locations(r) + 3, .values_count = (uint32_t)locations(r)[2].offset};
	return ret->values_count <= (uint32_t)r->locations - 3;
}

uint64_t stackmap_constant(uint32_t index)
{
	return index < map.constants_count ? map.constants[index] : 0;
}
