/* mapping: mmap(2) and its relatives, as the program calls them. */
#include "mapping_table.h"

#include "../guard.h"
#include "../reference/descriptors.h"
#include "../reference/replaced.h"
#include "../resource/declare.h"
#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PAGE 4096ull
#define LARGE (2ull << 20) /* from this size on, aligned to it: for huge pages */
#define NEVER (MAP_GROWSDOWN | MAP_HUGETLB | MAP_32BIT)

#ifndef MAP_32BIT
#define MAP_32BIT 0
#endif

static uint64_t pages(uint64_t size)
{
	return (size + PAGE - 1) & ~(PAGE - 1);
}

static void *at(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

/* Whether [address, address + size) lies within the range, on a page boundary. */
static bool inside(uint64_t address, uint64_t size)
{
	return address % PAGE == 0 && size > 0 && address >= MAPPING_BASE && size <= MAPPING_SIZE &&
		address - MAPPING_BASE <= MAPPING_SIZE - size;
}

static void *fail(int number)
{
	errno = number;
	return MAP_FAILED;
}

/* The last entry that is kept by it is gone. */
static void let_go(int fd)
{
	if (fd >= 0 && !mapping_table_keeps(fd))
		(void)close(fd);
}

/* Descriptors of what is taken out, each once; there are few. */
struct gone {
	int fds[64];
	size_t n;
};

static void remember(void *context, const struct mapping *part)
{
	struct gone *g = context;
	for (size_t i = 0; i < g->n; i++)
		if (g->fds[i] == part->fd)
			return;
	if (part->fd >= 0 && g->n < sizeof g->fds / sizeof *g->fds)
		g->fds[g->n++] = part->fd;
}

static void let_all_go(const struct gone *g)
{
	for (size_t i = 0; i < g->n; i++)
		let_go(g->fds[i]);
}

/* A descriptor for what is mapped that stays when the program closes its own; one that is there for the same file and access is used again. */
static int keep_file(int fd, const struct stat *st)
{
	size_t n;
	const struct mapping *all = mapping_table(&n);
	int flags = fcntl(fd, F_GETFL);
	for (size_t i = 0; i < n; i++)
		if (all[i].fd >= 0 && all[i].device == st->st_dev && all[i].inode == st->st_ino &&
			fcntl(all[i].fd, F_GETFL) == flags)
			return all[i].fd;
	int kept = fcntl(fd, F_DUPFD_CLOEXEC, MAPPING_KEPT_FROM);
	return kept >= 0 ? kept : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* Completes m->kind, fd, device, inode, offset; *anonymous: mmap() gets no descriptor. 0 or an errno. */
static int classify(struct mapping *m, int flags, int fd, off_t offset, bool *ret_anonymous)
{
	bool shared = (flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE;
	struct stat st;
	m->kind = shared ? MAPPING_SHARED : MAPPING_PRIVATE;
	m->fd = -1;
	*ret_anonymous = (flags & MAP_ANONYMOUS) != 0;
	if ((!shared && (flags & MAP_TYPE) != MAP_PRIVATE) || (flags & NEVER) != 0 || offset % (off_t)PAGE != 0 ||
		offset < 0)
		return EINVAL;
	if (*ret_anonymous)
		return 0;
	if (fstat(fd, &st) < 0)
		return errno;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5)) { /* /dev/zero */
		*ret_anonymous = true;
		return 0;
	}
	m->device = st.st_dev;
	m->inode = st.st_ino;
	m->offset = (uint64_t)offset;
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		m->kind = MAPPING_DEVICE;
	else if (shared)
		m->kind = MAPPING_FILE;
	else if (S_ISREG(st.st_mode) && (m->protection & PROT_WRITE) == 0) {
		m->kind = MAPPING_FILE;
		m->flags |= MAPPING_UNWRITTEN;
	}
	if (m->kind == MAPPING_FILE)
		m->fd = keep_file(fd, &st);
	return m->kind == MAPPING_FILE && m->fd < 0 ? errno : 0;
}

/* Where it is to lie; 0 with errno. */
static uint64_t choose(uint64_t wanted, uint64_t size, int flags)
{
	bool must = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0, ok = inside(wanted, size);
	if (must && !ok)
		return errno = EINVAL, 0;
	bool taken = ok && !mapping_table_free(wanted, size);
	if ((flags & MAP_FIXED_NOREPLACE) != 0 && taken)
		return errno = EEXIST, 0;
	if (must || (ok && !taken))
		return wanted;
	uint64_t gap = mapping_table_gap(size, size >= LARGE ? LARGE : PAGE);
	if (gap == 0)
		errno = ENOMEM;
	return gap;
}

/* A file at another host has no pages here: privately its bytes will do, read in; shared it cannot be had (ENODEV, as of any file that cannot be
 * mapped). */
static void *map_remote(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if ((flags & MAP_TYPE) != MAP_PRIVATE)
		return fail(ENODEV);
	char *p = pmig_mmap(address, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	for (size_t done = 0; p != MAP_FAILED && done < size;) {
		ssize_t n = pmig_pread(fd, p + done, size - done, offset + (off_t)done);
		int number = errno;
		if (n < 0 && number != EINTR) {
			(void)pmig_munmap(p, size);
			return fail(number);
		}
		if (n == 0)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (p != MAP_FAILED && protection != (PROT_READ | PROT_WRITE))
		(void)pmig_mprotect(p, size, protection);
	return p;
}

void *pmig_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	struct mapping m = {
		.size = pages(size), .protection = (uint32_t)protection, .flags = (uint32_t)(flags & MAP_NORESERVE)};
	struct gone gone = {.n = 0};
	bool anonymous;
	GUARD(GUARD_MAPPINGS);
	if (size == 0 || m.size < size)
		return fail(size == 0 ? EINVAL : ENOMEM);
	if ((protection & PROT_EXEC) != 0)
		return fail(EACCES);
	if ((flags & MAP_ANONYMOUS) == 0 && descriptors_refers(fd))
		return map_remote(address, size, protection, flags, fd, offset);
	if (mapping_table_reserve() < 0 || mapping_table_room(3) < 0)
		return fail(ENOMEM);
	int number = classify(&m, flags, fd, offset, &anonymous);
	if (number == 0 && (m.address = choose((uintptr_t)address, m.size, flags)) == 0)
		number = errno;
	if (number == 0) {
		int real = (flags & ~(MAP_FIXED_NOREPLACE | (anonymous ? 0 : MAP_ANONYMOUS))) | MAP_FIXED |
			(anonymous ? MAP_ANONYMOUS : 0);
		void *p = mmap(at(m.address), m.size, protection, real, anonymous ? -1 : fd, anonymous ? 0 : offset);
		number = p == MAP_FAILED ? errno : 0;
	}
	if (number != 0) {
		let_go(m.fd);
		return fail(number);
	}
	mapping_table_cut(m.address, m.size, remember, &gone);
	mapping_table_add(&m);
	let_all_go(&gone);
	return at(m.address);
}

int pmig_munmap(void *address, size_t size)
{
	struct gone gone = {.n = 0};
	if (!mapping_contains(address))
		return munmap(address, size);
	GUARD(GUARD_MAPPINGS);
	if (!inside((uintptr_t)address, pages(size))) {
		errno = EINVAL;
		return -1;
	}
	if (mapping_table_room(2) < 0 || !mapping_table_close((uintptr_t)address, pages(size))) {
		errno = ENOMEM;
		return -1;
	}
	mapping_table_cut((uintptr_t)address, pages(size), remember, &gone);
	let_all_go(&gone);
	declare_unmapped(address, pages(size));
	return 0;
}

/* --- mremap --- */

/* What was mapped from an image is many mappings for the kernel, which moves none of them together. Untouched pages stay so. */
static bool copy_private(const struct mapping *m, uint64_t to, uint64_t size)
{
	static const char zeros[PAGE];
	char *p = mmap(at(to), size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	if (p == MAP_FAILED)
		return false;
	(void)mprotect(at(m->address), m->size, PROT_READ | PROT_WRITE);
	for (uint64_t i = 0; i < m->size && i < size; i += PAGE)
		if (memcmp((const char *)at(m->address + i), zeros, PAGE) != 0)
			memcpy(p + i, at(m->address + i), PAGE);
	return mprotect(p, size, (int)m->protection) == 0;
}

/* To a place that is free. */
static bool carry_over(const struct mapping *m, uint64_t to, uint64_t size)
{
	if (mremap(at(m->address), m->size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at(to)) == MAP_FAILED) {
		int number = errno;
		if (number != EFAULT || m->kind != MAPPING_PRIVATE || !copy_private(m, to, size)) {
			errno = number == EFAULT ? ENOMEM : number;
			(void)mapping_table_close(to, size);
			return false;
		}
	}
	return mapping_table_close(m->address, m->size);
}

static void *move_to(const struct mapping *old, uint64_t to, uint64_t size)
{
	struct mapping m = *old;
	if (!carry_over(old, to, size))
		return MAP_FAILED;
	mapping_table_cut(old->address, old->size, NULL, NULL);
	m.address = to;
	m.size = size;
	mapping_table_add(&m);
	return at(to);
}

/* Into the free place behind it. */
static bool grow(const struct mapping *old, uint64_t size)
{
	uint64_t end = old->address + old->size;
	if (!inside(old->address, size) || !mapping_table_free(end, size - old->size))
		return false;
	if (munmap(at(end), size - old->size) < 0)
		return false;
	bool grown = mremap(at(old->address), old->size, size, 0) != MAP_FAILED;
	if (!grown)
		(void)mapping_table_close(end, size - old->size);
	return grown;
}

void *pmig_mremap(void *address, size_t old_size, size_t size, int flags, ...)
{
	struct gone gone = {.n = 0};
	va_list ap;
	va_start(ap, flags);
	uint64_t to = (flags & MREMAP_FIXED) != 0 ? (uintptr_t)va_arg(ap, void *) : 0, wanted = pages(size);
	va_end(ap);
	uint64_t from = (uintptr_t)address, have = pages(old_size);
	GUARD(GUARD_MAPPINGS);
	if (!inside(from, have) || size == 0 || (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) != 0 ||
		((flags & MREMAP_FIXED) != 0 &&
			((flags & MREMAP_MAYMOVE) == 0 || !inside(to, wanted) || (to < from + have && from < to + wanted))))
		return fail(EINVAL);
	const struct mapping *found = mapping_of(address);
	if (found == NULL || found->address + found->size < from + have || mapping_table_room(6) < 0)
		return fail(EFAULT);
	struct mapping m = *mapping_of(address);
	m.offset += m.device != 0 ? from - m.address : 0;
	m.address = from;
	m.size = have;
	if ((flags & MREMAP_FIXED) != 0) {
		if (!mapping_table_close(to, wanted))
			return fail(ENOMEM);
		mapping_table_cut(to, wanted, remember, &gone);
		void *p = move_to(&m, to, wanted);
		let_all_go(&gone);
		return p;
	}
	if (wanted <= have)
		return wanted == have || pmig_munmap(at(from + wanted), have - wanted) == 0 ? address : MAP_FAILED;
	if (grow(&m, wanted)) {
		struct mapping rest = m;
		rest.address += have;
		rest.offset += m.device != 0 ? have : 0;
		rest.size = wanted - have;
		mapping_table_add(&rest);
		return address;
	}
	uint64_t gap = (flags & MREMAP_MAYMOVE) != 0 ? mapping_table_gap(wanted, wanted >= LARGE ? LARGE : PAGE) : 0;
	return gap == 0 ? fail(ENOMEM) : move_to(&m, gap, wanted);
}

/* --- protection and advice --- */

/* From now on its bytes are its own. */
static void become_private(struct mapping *m)
{
	m->kind = MAPPING_PRIVATE;
	m->flags &= ~MAPPING_UNWRITTEN;
	m->fd = -1;
}

void mapping_detach(size_t index)
{
	size_t n;
	struct mapping *all = (struct mapping *)mapping_table(&n);
	become_private(&all[index]); /* the descriptor stays what it is: others may have it */
}

static void take_out(void *context, const struct mapping *part)
{
	*(struct mapping *)context = *part;
}

int pmig_mprotect(void *address, size_t size, int protection)
{
	uint64_t from = (uintptr_t)address, length = pages(size);
	if (size == 0 || !mapping_contains(address)) {
		/* pages of the heap and of globals keep theirs: another protection would not travel */
		errno = size == 0 ? 0 : EACCES;
		return size == 0 ? 0 : -1;
	}
	if ((protection & PROT_EXEC) != 0) {
		errno = EACCES;
		return -1;
	}
	GUARD(GUARD_MAPPINGS);
	if (!inside(from, length) || !mapping_table_full(from, length)) {
		errno = inside(from, length) ? ENOMEM : EINVAL;
		return -1;
	}
	size_t entries = mapping_table_find(from + length - 1) - mapping_table_find(from) + 1;
	if (mapping_table_room(entries + 3) < 0) {
		errno = ENOMEM;
		return -1;
	}
	if (mprotect(address, length, protection) < 0)
		return -1;
	while (length > 0) { /* entry by entry: one that is put back may become one with the last */
		const struct mapping *m = mapping_of(at(from));
		uint64_t part = m->address + m->size - from < length ? m->address + m->size - from : length;
		struct mapping changed;
		mapping_table_cut(from, part, take_out, &changed);
		int kept = changed.fd;
		changed.protection = (uint32_t)protection;
		if ((protection & PROT_WRITE) != 0 && (changed.flags & MAPPING_UNWRITTEN) != 0)
			become_private(&changed);
		mapping_table_add(&changed);
		let_go(kept);
		from += part;
		length -= part;
	}
	return 0;
}

/* Fresh pages, not madvise(2): what lies there may be pages of an image, which would come back. */
static int forget(const struct mapping *m, uint64_t from, uint64_t to)
{
	bool fresh = m->kind == MAPPING_PRIVATE && m->device == 0, bytes = (m->flags & MAPPING_BYTES) != 0;
	if (bytes)
		return 0;
	if (!fresh)
		return madvise(at(from), to - from, MADV_DONTNEED);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | (int)(m->flags & MAP_NORESERVE);
	return mmap(at(from), to - from, (int)m->protection, flags, -1, 0) == MAP_FAILED ? -1 : 0;
}

int pmig_madvise(void *address, size_t size, int advice)
{
	uint64_t from = (uintptr_t)address, end = from + pages(size);
	if ((advice != MADV_DONTNEED && advice != MADV_FREE) || size == 0)
		return madvise(address, size, advice);
	if (arena_contains(address) && from % PAGE == 0) {
		memset(address, 0, advice == MADV_DONTNEED ? pages(size) : 0);
		return 0;
	}
	if (!mapping_contains(address))
		return madvise(address, size, advice);
	GUARD(GUARD_MAPPINGS);
	if (!inside(from, end - from) || !mapping_table_full(from, end - from)) {
		errno = ENOMEM;
		return -1;
	}
	for (const struct mapping *m = mapping_of(address); from < end; m++) {
		uint64_t to = m->address + m->size < end ? m->address + m->size : end;
		if (forget(m, from, to) < 0)
			return -1;
		from = to;
	}
	return 0;
}
