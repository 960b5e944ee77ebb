/* spool: bytes of an ordinary stream, kept by offset until the other side has acknowledged them.
 *
 * Used for the program's output at the agent and its input at the supervisor: append what comes, send from where the
 * other side says it is, forget what it acknowledged. Bounded memory first, then a file. */
#ifndef PMIG_TRANSPORT_SPOOL_H
#define PMIG_TRANSPORT_SPOOL_H

#include "runtime/base/error.h"

#include <stdint.h>
#include <sys/types.h>

/* Zero-initialise. */
struct spool_options {
	uint64_t start;    /* offset of the first byte that will come: a stream goes on where another host left it */
	size_t memory;     /* bytes held in memory; 0: 1 MiB */
	int directory;     /* where the overflow file is made; borrowed until destroyed */
	const char *name;  /* of the overflow file; NULL: memory only; copied */
	uint64_t file_max; /* bytes of the file; 0: 1 GiB */
};
struct spool;

int spool_create(const struct spool_options *options, struct spool **ret_spool) PMIG_MUST_CHECK;
void spool_destroy(struct spool *s); /* removes the overflow file; NULL is fine */

/* Appends all `size` bytes or none. PMIG_EBUSY: full; stop reading the source until something is acknowledged.
 * PMIG_ENOSPC, PMIG_EIO: the file. */
int spool_append(struct spool *s, const void *data, size_t size) PMIG_MUST_CHECK;
bool spool_room(const struct spool *s, size_t size); /* spool_append() of `size` bytes would not be PMIG_EBUSY */

/* Copies up to `size` bytes from `offset` on; returns how many (0 at the end). PMIG_EINVAL: before begin or behind end. */
ssize_t spool_read(const struct spool *s, uint64_t offset, void *buffer, size_t size) PMIG_MUST_CHECK;

/* The other side has everything before `offset`. Going back is ignored (late ACK); beyond the end: PMIG_EPROTOCOL. */
int spool_acknowledge(struct spool *s, uint64_t offset) PMIG_MUST_CHECK;

uint64_t spool_begin(const struct spool *s); /* first byte not acknowledged */
uint64_t spool_end(const struct spool *s);   /* one behind the last byte */

#endif
