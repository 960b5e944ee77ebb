/* bulk_hash: what sender and receiver of bulk streams share: xxh3-128 in canonical form, names, failures; internal. */
#ifndef PMIG_TRANSPORT_BULK_HASH_H
#define PMIG_TRANSPORT_BULK_HASH_H

#include "bulk.h"

#include <xxhash.h>

#define BULK_HASH_SIZE sizeof(XXH128_canonical_t)

struct bulk_hash {
	XXH3_state_t *state;
};

int bulk_hash_init(struct bulk_hash *h) PMIG_MUST_CHECK;
void bulk_hash_finish(struct bulk_hash *h);
void bulk_hash_reset(struct bulk_hash *h);
void bulk_hash_add(struct bulk_hash *h, const void *data, size_t size);
void bulk_hash_digest(const struct bulk_hash *h, uint8_t ret_digest[BULK_HASH_SIZE]);
void bulk_hash_hex(const uint8_t digest[BULK_HASH_SIZE], char ret_hex[2 * BULK_HASH_SIZE + 1]);

/* Whether it may become a file name. */
bool bulk_name_allowed(const char *name);

/* The code of a FAILED packet, with its reason as this thread's. */
int bulk_failure(const struct packet *p, const char *name);

#endif
