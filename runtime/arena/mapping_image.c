/* mapping_image: mappings at a checkpoint and after it. */
#include "mapping_table.h"

#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096ull

static void *at(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

/* Of its own bytes; those of the others are in a file. */
static bool has_bytes(const struct mapping *m)
{
	return m->kind == MAPPING_PRIVATE || m->kind == MAPPING_SHARED;
}

/* Whether the page can be read: behind the end of a file it cannot, and a system call says so without a signal. */
static bool readable(uint64_t address)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {at(address), 1};
	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == 1;
}

/* The end of what can be read: pages behind it cannot. */
static uint64_t readable_end(const struct mapping *m)
{
	bool of_file = (m->device != 0 && (m->flags & MAPPING_BYTES) == 0) || m->kind == MAPPING_SHARED;
	uint64_t low = 0, high = m->size / PAGE; /* [0, low) can be read; page `high` cannot, or is the end */
	if (!of_file || readable(m->address + m->size - PAGE))
		return m->address + m->size;
	while (low < high) {
		uint64_t middle = (low + high) / 2;
		if (readable(m->address + middle * PAGE))
			low = middle + 1;
		else
			high = middle;
	}
	return m->address + low * PAGE;
}

size_t mapping_ranges(struct mapping_range *ret, size_t max)
{
	size_t n, count = 0;
	const struct mapping *all = mapping_table(&n);
	for (size_t i = 0; i < n && count < max; i++) {
		uint64_t end = has_bytes(&all[i]) ? readable_end(&all[i]) : all[i].address;
		if (end > all[i].address)
			ret[count++] = (struct mapping_range){at(all[i].address), end - all[i].address,
				all[i].device != 0 && (all[i].protection & PROT_WRITE) == 0};
	}
	return count;
}

void mapping_uncover(void)
{
	size_t n;
	const struct mapping *all = mapping_table(&n);
	for (size_t i = 0; i < n; i++)
		if (has_bytes(&all[i]) && (all[i].protection & PROT_READ) == 0)
			(void)mprotect(at(all[i].address), all[i].size, PROT_READ);
}

void mapping_cover(void)
{
	size_t n;
	const struct mapping *all = mapping_table(&n);
	for (size_t i = 0; i < n; i++)
		if (has_bytes(&all[i]) && (all[i].protection & PROT_READ) == 0)
			(void)mprotect(at(all[i].address), all[i].size, (int)all[i].protection);
}

/* --- in another process --- */

static int check(const struct mapping *m, size_t i, uint64_t past)
{
	const uint32_t protections = PROT_READ | PROT_WRITE;
	if (m->address % PAGE != 0 || m->size % PAGE != 0 || m->size == 0 || m->address < past ||
		m->address < MAPPING_BASE || m->size > MAPPING_SIZE || m->address - MAPPING_BASE > MAPPING_SIZE - m->size)
		return error_set(PMIG_ECORRUPT, "mapping %zu, %#llx bytes at %#llx, is out of bounds or out of order", i,
			(unsigned long long)m->size, (unsigned long long)m->address);
	if (m->kind < MAPPING_PRIVATE || m->kind > MAPPING_FILE || (m->protection & ~protections) != 0 ||
		(m->flags & ~(MAP_NORESERVE | MAPPING_BYTES | MAPPING_UNWRITTEN)) != 0 || m->offset % PAGE != 0)
		return error_set(PMIG_ECORRUPT, "mapping %zu is of no kind that is known", i);
	return 0;
}

int mapping_open(const void *table, size_t size)
{
	struct mapping m;
	uint64_t past = 0;
	size_t n = size / sizeof m;
	if (size % sizeof m != 0 || n > MAPPING_MAX)
		return error_set(PMIG_ECORRUPT, "%zu bytes are no table of mappings", size);
	int r = n > 0 ? mapping_table_reserve() : 0;
	for (size_t i = 0; i < n && r >= 0; i++) {
		memcpy(&m, (const char *)table + i * sizeof m, sizeof m);
		r = check(&m, i, past);
		past = m.address + m.size;
		if (r < 0 || !has_bytes(&m))
			continue;
		void *p = mmap(at(m.address), m.size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | (int)(m.flags & MAP_NORESERVE), -1, 0);
		if (p == MAP_FAILED)
			r = error_errno(PMIG_ENOMEM, errno, "mapping %zu: %llu bytes", i, (unsigned long long)m.size);
	}
	return r;
}

int mapping_adopt(const void *table, size_t size)
{
	size_t n;
	const struct mapping *all = mapping_table(&n);
	bool within = n == 0 || (arena_contains(all) && arena_contains((const char *)(all + n) - 1) && n <= MAPPING_MAX);
	if (!within || n * sizeof *all != size || (n > 0 && memcmp(all, table, size) != 0))
		return error_set(PMIG_ECORRUPT, "the table of mappings and the program's memory differ");
	return 0;
}

/* The bytes are there, privately: they move into memory that children will share. */
static int make_shared(const struct mapping *m)
{
	char *p = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | (int)(m->flags & MAP_NORESERVE),
		-1, 0);
	if (p == MAP_FAILED)
		return error_errno(PMIG_ENOMEM, errno, "%llu bytes of shared memory", (unsigned long long)m->size);
	static const char zeros[PAGE];
	for (uint64_t i = 0; i < m->size; i += PAGE)
		if (memcmp((const char *)at(m->address + i), zeros, PAGE) != 0)
			memcpy(p + i, at(m->address + i), PAGE);
	if (mremap(p, m->size, m->size, MREMAP_MAYMOVE | MREMAP_FIXED, at(m->address)) == MAP_FAILED)
		return error_errno(PMIG_ENOMEM, errno, "%llu bytes of shared memory", (unsigned long long)m->size);
	return 0;
}

static int map_file(struct mapping *m)
{
	struct stat st;
	if (m->fd < 0 || fstat(m->fd, &st) < 0)
		return error_set(PMIG_EREFUSED, "a file that was mapped is not open here");
	int type = (m->flags & MAPPING_UNWRITTEN) != 0 ? MAP_PRIVATE : MAP_SHARED;
	if (mmap(at(m->address), m->size, (int)m->protection, type | MAP_FIXED, m->fd, (off_t)m->offset) == MAP_FAILED)
		return error_errno(PMIG_EREFUSED, errno,
			"a file that was mapped cannot be mapped here (descriptor %d keeps it)", m->fd);
	m->device = st.st_dev;
	m->inode = st.st_ino;
	return 0;
}

int mapping_restore(void)
{
	size_t n;
	struct mapping *all = (struct mapping *)mapping_table(&n);
	int r = 0;
	for (size_t i = 0; i < n && r >= 0; i++) {
		struct mapping *m = &all[i];
		if (m->kind == MAPPING_FILE)
			r = map_file(m);
		else if (m->kind == MAPPING_SHARED)
			r = make_shared(m);
		else if (m->device != 0)
			m->flags |= MAPPING_BYTES;
		if (r >= 0 && m->kind != MAPPING_FILE && m->protection != (PROT_READ | PROT_WRITE) &&
			mprotect(at(m->address), m->size, (int)m->protection) < 0)
			r = error_errno(PMIG_ENOMEM, errno, "the protection of %llu bytes", (unsigned long long)m->size);
	}
	return r;
}
