/* mapping: what the program maps with mmap(2), at addresses of a range of its own that every process of this program can have
 * again, so that mappings travel as the heap does. A table of them lies in the arena.
 *
 * Normal usage, at a checkpoint:
 *   1. mapping_uncover(), so that pages without read permission can be read;
 *   2. mapping_table() into a section of the image, the bytes of mapping_ranges() into another;
 *   3. mapping_cover().
 * In a process that is restored:
 *   1. mapping_open() with the section; the caller then maps the saved pages over what it opened;
 *   2. when the arena is back: mapping_adopt();
 *   3. when the descriptors are back: mapping_restore().
 *
 * What the program sees that differs from mmap(2): an address outside the range cannot be demanded (MAP_FIXED: EINVAL), no memory for code
 * is given (PROT_EXEC: EACCES), MAP_GROWSDOWN, MAP_32BIT and MAP_HUGETLB do not exist (EINVAL). A private mapping of a file is
 * memory with the bytes of that file after a move, unless it was never writable: madvise(MADV_DONTNEED) then keeps them. A descriptor of the runtime's own,
 * with a high number, keeps a file that is mapped with MAP_SHARED or never writable; it is moved, copied or left behind as any descriptor of that file. */
#ifndef PMIG_ARENA_MAPPING_H
#define PMIG_ARENA_MAPPING_H

#include "../base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Just below the arena. */
#if defined(__x86_64__)
#define MAPPING_BASE 0x540000000000ull
#elif defined(__aarch64__)
#define MAPPING_BASE 0x0f0000000000ull
#endif
#define MAPPING_SIZE 0x10000000000ull /* 1 TiB */
#define MAPPING_MAX 65536             /* mappings */
#define MAPPING_VERSION 1
#define MAPPING_KEPT_FROM 600 /* descriptors that keep files have at least this number, where so many are allowed */

#define MAPPING_BYTES 0x80000000u /* private, of a file once: now memory with its bytes */

#define MAPPING_UNWRITTEN 0x40000000u /* MAPPING_FILE: MAP_PRIVATE, and never writable: the file has all its bytes */

enum mapping_kind {
	MAPPING_PRIVATE = 1, /* MAP_PRIVATE, of nothing or of a file, and writable once: its bytes are the program's alone */
	MAPPING_SHARED,      /* MAP_SHARED of nothing: shared with children */
	MAPPING_FILE,        /* of a file, or of memory that has a descriptor: MAP_SHARED, or never writable */
	MAPPING_DEVICE       /* of a device: cannot travel */
};

/* One mapping, or a part of one that has a protection of its own. Also the record in the image: no pointers, no padding. */
struct mapping {
	uint64_t address, size; /* whole pages */
	uint64_t offset;        /* in the file */
	uint64_t device, inode; /* of the file; 0: none, or private and restored */
	uint32_t kind;          /* enum mapping_kind */
	uint32_t protection;    /* PROT_* */
	int32_t fd;             /* keeps the file; -1: none */
	uint32_t flags;         /* MAP_NORESERVE, MAPPING_BYTES, MAPPING_UNWRITTEN */
};

struct mapping_range {
	void *address;
	size_t size;
	bool data; /* of a file, and the program cannot have written to it: no pointer of the program's lies there */
};

static inline bool mapping_contains(const void *p)
{
	return (uintptr_t)p - MAPPING_BASE < MAPPING_SIZE;
}

/* All of them, by address; in the arena. Borrowed until the program maps or unmaps. *ret_n: 0 if there are none. */
const struct mapping *mapping_table(size_t *ret_n);

/* The mapping that holds `p`; NULL: none. */
const struct mapping *mapping_of(const void *p);

/* The lowest descriptor from `from` on that keeps a file; -1: none. */
int mapping_kept(int from);

/* Whether `fd` keeps a file. Quick where it does not. */
bool mapping_keeps(int fd);

/* The file of the index-th mapping, MAPPING_UNWRITTEN, will not be there: its bytes travel as memory does. */
void mapping_detach(size_t index);

/* Where bytes of the program lie that no file holds, ascending; what of a private mapping lies behind the end of its file is left
 * out, as is what cannot be read. Writes at most `max`, returns their number. */
size_t mapping_ranges(struct mapping_range *ret, size_t max);

void mapping_uncover(void);
void mapping_cover(void);

/* Reserves the range and opens what the table (`size` bytes, untrusted) says. Errors: PMIG_ECORRUPT, PMIG_EEXIST, PMIG_ENOMEM. */
PMIG_MUST_CHECK int mapping_open(const void *table, size_t size);

/* The table in the arena must be the one that was opened (0 bytes: none). Errors: PMIG_ECORRUPT. */
PMIG_MUST_CHECK int mapping_adopt(const void *table, size_t size);

/* Maps files, makes shared memory shared again, sets protections. Errors: PMIG_EREFUSED, PMIG_ENOMEM. */
PMIG_MUST_CHECK int mapping_restore(void);

/* What programs built with pmig-cc call; each behaves as the function without the prefix but for what stands above. */
void *pmig_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int pmig_munmap(void *address, size_t size);
void *pmig_mremap(void *address, size_t old_size, size_t size, int flags, ...);
int pmig_mprotect(void *address, size_t size, int protection);
int pmig_madvise(void *address, size_t size, int advice);

#endif
