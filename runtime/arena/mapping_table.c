/* mapping_table: a sorted array in the arena, and the reservation of the range. */
#include "mapping_table.h"

#include "arena.h"
#include "malloc.h"

#include "../guard.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct table {
	struct mapping *all;
	size_t n, room;
	_Atomic int kept; /* the lowest descriptor that ever kept a file, and one; 0: none did */
};

static bool reserved; /* of this process */

static struct table *table(void)
{
	return arena_exists() ? __atomic_load_n(arena_root(ARENA_ROOT_MAPPINGS), __ATOMIC_ACQUIRE) : NULL;
}

int mapping_table_reserve(void)
{
	void *base = (void *)MAPPING_BASE;
	if (reserved)
		return 0;
	void *p = mmap(base, MAPPING_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
		0);
	if (p == MAP_FAILED)
		return error_errno(errno == EEXIST ? PMIG_EEXIST : PMIG_ENOMEM, errno,
			"mappings: cannot reserve %llu GiB of addresses at %p (see ulimit -v)", MAPPING_SIZE >> 30, base);
	if (p != base) {
		(void)munmap(p, MAPPING_SIZE);
		return error_set(PMIG_EEXIST, "mappings: something lies in the way at %p", base);
	}
	reserved = true;
	return 0;
}

bool mapping_table_close(uint64_t address, uint64_t size)
{
	return mmap((void *)(uintptr_t)address, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		       0) != MAP_FAILED;
}

const struct mapping *mapping_table(size_t *ret_n)
{
	const struct table *t = table();
	*ret_n = t != NULL ? t->n : 0;
	return t != NULL ? t->all : NULL;
}

int mapping_table_room(size_t more)
{
	struct table *t = table();
	if (t == NULL) {
		t = pmig_calloc(1, sizeof *t);
		if (t == NULL)
			return error_set(PMIG_ENOMEM, "mappings: no memory for the table");
		__atomic_store_n(arena_root(ARENA_ROOT_MAPPINGS), (void *)t, __ATOMIC_RELEASE);
	}
	if (t->n + more <= t->room)
		return 0;
	if (t->n + more > MAPPING_MAX)
		return error_set(PMIG_ENOMEM, "mappings: there are more than %d", MAPPING_MAX);
	size_t room = t->room * 2 > t->n + more ? t->room * 2 : t->n + more + 6;
	struct mapping *all = pmig_realloc(t->all, room * sizeof *all);
	if (all == NULL)
		return error_set(PMIG_ENOMEM, "mappings: no memory for the table");
	t->all = all;
	t->room = room;
	return 0;
}

size_t mapping_table_find(uint64_t address)
{
	const struct table *t = table();
	size_t low = 0, high = t != NULL ? t->n : 0;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (t->all[middle].address + t->all[middle].size <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct mapping *mapping_of(const void *p)
{
	const struct table *t = table();
	size_t i = mapping_table_find((uintptr_t)p);
	return t != NULL && i < t->n && t->all[i].address <= (uintptr_t)p ? &t->all[i] : NULL;
}

/* Two that lie side by side and differ in nothing are one. */
static bool continues(const struct mapping *a, const struct mapping *b)
{
	return a->address + a->size == b->address && a->kind == b->kind && a->protection == b->protection &&
		a->fd == b->fd && a->flags == b->flags && a->device == b->device && a->inode == b->inode &&
		(a->device == 0 ? a->kind == MAPPING_PRIVATE : a->offset + a->size == b->offset);
}

static void erase(struct table *t, size_t i)
{
	memmove(t->all + i, t->all + i + 1, (t->n - i - 1) * sizeof *t->all);
	t->n--;
}

static void insert(struct table *t, size_t i, const struct mapping *m)
{
	memmove(t->all + i + 1, t->all + i, (t->n - i) * sizeof *t->all);
	t->all[i] = *m;
	t->n++;
	if (m->fd >= 0 && (t->kept == 0 || m->fd < t->kept))
		t->kept = m->fd + 1;
}

void mapping_table_add(const struct mapping *m)
{
	struct table *t = table();
	size_t i = mapping_table_find(m->address);
	insert(t, i, m);
	if (i + 1 < t->n && continues(&t->all[i], &t->all[i + 1])) {
		t->all[i].size += t->all[i + 1].size;
		erase(t, i + 1);
	}
	if (i > 0 && continues(&t->all[i - 1], &t->all[i])) {
		t->all[i - 1].size += t->all[i].size;
		erase(t, i);
	}
}

static struct mapping part_of(const struct mapping *m, uint64_t from, uint64_t to)
{
	struct mapping part = *m;
	part.offset += m->device != 0 ? from - m->address : 0;
	part.address = from;
	part.size = to - from;
	return part;
}

void mapping_table_cut(uint64_t address, uint64_t size, void (*taken)(void *context, const struct mapping *part),
	void *context)
{
	struct table *t = table();
	uint64_t end = address + size;
	size_t i = mapping_table_find(address);
	while (t != NULL && i < t->n && t->all[i].address < end) {
		struct mapping m = t->all[i];
		uint64_t m_end = m.address + m.size, from = m.address > address ? m.address : address,
			 to = m_end < end ? m_end : end;
		erase(t, i);
		if (m_end > to) {
			struct mapping rest = part_of(&m, to, m_end);
			insert(t, i, &rest);
		}
		if (m.address < from) {
			struct mapping rest = part_of(&m, m.address, from);
			insert(t, i++, &rest);
		}
		struct mapping part = part_of(&m, from, to);
		if (taken != NULL)
			taken(context, &part);
	}
}

bool mapping_table_free(uint64_t address, uint64_t size)
{
	const struct table *t = table();
	size_t i = mapping_table_find(address);
	return t == NULL || i == t->n || t->all[i].address >= address + size;
}

bool mapping_table_full(uint64_t address, uint64_t size)
{
	const struct table *t = table();
	uint64_t at = address;
	for (size_t i = mapping_table_find(address); t != NULL && i < t->n && at < address + size; i++) {
		if (t->all[i].address > at)
			return false;
		at = t->all[i].address + t->all[i].size;
	}
	return at >= address + size;
}

uint64_t mapping_table_gap(uint64_t size, uint64_t align)
{
	const struct table *t = table();
	uint64_t at = MAPPING_BASE, last = MAPPING_BASE + MAPPING_SIZE;
	for (size_t i = 0; i <= (t != NULL ? t->n : 0); i++) {
		bool end = t == NULL || i == t->n;
		uint64_t low = (at + align - 1) & ~(align - 1), high = end ? last : t->all[i].address;
		if (low < high && high - low >= size)
			return low;
		if (!end)
			at = t->all[i].address + t->all[i].size;
	}
	return 0;
}

bool mapping_table_keeps(int fd)
{
	const struct table *t = table();
	for (size_t i = 0; t != NULL && i < t->n; i++)
		if (t->all[i].fd == fd)
			return true;
	return false;
}

bool mapping_keeps(int fd)
{
	const struct table *t = table();
	return t != NULL && t->kept != 0 && fd >= t->kept - 1 && mapping_kept(fd) == fd;
}

int mapping_kept(int from)
{
	const struct table *t = table();
	int lowest = -1;
	if (t == NULL || t->kept == 0)
		return -1;
	GUARD(GUARD_MAPPINGS);
	for (size_t i = 0; t != NULL && i < t->n; i++)
		if (t->all[i].fd >= from && t->all[i].fd >= 0 && (lowest < 0 || t->all[i].fd < lowest))
			lowest = t->all[i].fd;
	return lowest;
}
