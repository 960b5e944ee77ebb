/* object: the bitcode inside an object file that pmig-cc made.
 *
 * Such a file is an ordinary ELF relocatable: its symbol table is that of the translation unit, so that ar, ranlib, nm and
 * the archive search of the linker treat it as usual; its functions trap. The translation unit itself lies in section
 * `.pmig.bc` as one record. The section is neither allocated nor excluded, so the linker concatenates the records
 * of all that it links, in their order: `ld -r` joins objects, and a complete link tells what it chose. */
#ifndef PMIG_INSTRUMENT_OBJECT_H
#define PMIG_INSTRUMENT_OBJECT_H

#include <base/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_SECTION ".pmig.bc"
#define OBJECT_MARKER "pmig_object_must_be_linked_by_pmig_cc"
#define OBJECT_NAME_MAX 4096
#define OBJECT_ALIGN 16

/* A translation unit. */
struct object_unit {
	int level;           /* 0..3, the -O level it was compiled with */
	bool debug;          /* the user asked for -g */
	bool runtime;        /* part of pmig itself (libpmig-carried.a) */
	const char *source;  /* the source file's name as given; borrowed */
	const void *bitcode; /* borrowed */
	size_t size;
};

/* Writes the record of `unit` to the descriptor `fd`. Errors: PMIG_EIO. */
PMIG_MUST_CHECK int object_write(int fd, const struct object_unit *unit);

/* Reads the record at `*offset` of the section's bytes and moves `*offset` behind it; *ret_unit borrows from `bytes`.
 * Returns 1, or 0 at the end. Errors: PMIG_ECORRUPT, PMIG_EVERSION. */
PMIG_MUST_CHECK int object_read(const void *bytes, size_t size, size_t *offset, struct object_unit *ret_unit);

/* Finds section `.pmig.bc` in the bytes of an ELF file. Returns 1, or 0 when there is none or it is no 64-bit ELF file.
 * Errors: PMIG_ECORRUPT. */
PMIG_MUST_CHECK int object_find(const void *file, size_t size, const void **ret_bytes, size_t *ret_size);

/* A file mapped for reading. */
struct object_file {
	const void *bytes;
	size_t size;
};

/* Maps `path`; an empty or special file is mapped as zero bytes. Errors: PMIG_ENOENT, PMIG_EIO. */
PMIG_MUST_CHECK int object_open(const char *path, struct object_file *ret_file);
void object_close(struct object_file *file);

#endif
