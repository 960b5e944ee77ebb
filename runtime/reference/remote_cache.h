/* remote_cache: the pages of one remote file that are here. It asks for nothing itself: who does says so (remote_cache_expect) and
 * brings what came. */
#ifndef PMIG_REFERENCE_REMOTE_CACHE_H
#define PMIG_REFERENCE_REMOTE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REMOTE_CACHE_PAGE (16u << 10)
#define REMOTE_CACHE_PAGES 1024 /* 16 MiB */

/* Initialise with {0}. Memory comes with the first page and goes with remote_cache_free(). */
struct remote_cache {
	struct remote_cache_page *pages;
	unsigned char *data;
	uint16_t *heads; /* of the chains of pages with one hash; index + 1 */
	unsigned hand;   /* of the clock that chooses what makes room */
};

enum remote_cache_state {
	REMOTE_CACHE_NONE = 1, /* it is not here */
	REMOTE_CACHE_EXPECTED,
	REMOTE_CACHE_HERE
};

enum remote_cache_state remote_cache_state(const struct remote_cache *c, uint64_t page);

/* Copies what is here of [offset, offset + size), up to the end of a page; 0: its page is not here or ends before. */
size_t remote_cache_copy(struct remote_cache *c, void *to, size_t size, uint64_t offset);

/* The page will be brought by request `id`. false: there is no room (all others are expected too), or no memory. */
bool remote_cache_expect(struct remote_cache *c, uint64_t page, uint64_t id);

/* Request `id` brought the bytes of `n` pages from `page` on: `size` < n pages means the end of the file; NULL: it failed. What is
 * not expected of it any more is passed over. */
void remote_cache_bring(struct remote_cache *c, uint64_t page, size_t n, uint64_t id, const unsigned char *data,
	size_t size);

/* What was written: pages that are here get it, as far as they have no gap then; what was
 * expected of them is old. */
void remote_cache_write(struct remote_cache *c, const void *from, size_t size, uint64_t offset);

void remote_cache_forget(struct remote_cache *c, uint64_t page);
void remote_cache_forget_from(struct remote_cache *c, uint64_t page);
void remote_cache_free(struct remote_cache *c);

#endif
