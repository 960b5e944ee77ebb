/* remote_cache: pages by number, in chains; a clock's hand passes over those used since it came by last. */
#include "remote_cache.h"

#include "remote_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HEADS (2 * REMOTE_CACHE_PAGES)
_Static_assert((size_t)REMOTE_CACHE_PAGES *REMOTE_CACHE_PAGE == REMOTE_FILE_CACHE, "the bound that is promised");

struct remote_cache_page {
	uint64_t number;
	uint64_t id;   /* expected: of the request that brings it */
	uint32_t have; /* bytes, fewer than all at the end of the file */
	uint16_t next; /* in the chain; index + 1 */
	uint8_t state; /* 0: free; enum remote_cache_state */
	bool used;     /* since the hand came by */
};

static bool ready(struct remote_cache *c)
{
	if (c->data != NULL)
		return true;
	unsigned char *data = mmap(NULL, REMOTE_FILE_CACHE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	c->pages = calloc(REMOTE_CACHE_PAGES, sizeof *c->pages);
	c->heads = calloc(HEADS, sizeof *c->heads);
	if (data != MAP_FAILED && c->pages != NULL && c->heads != NULL) {
		c->data = data;
		return true;
	}
	if (data != MAP_FAILED)
		munmap(data, REMOTE_FILE_CACHE);
	free(c->pages);
	free(c->heads);
	c->pages = NULL;
	c->heads = NULL;
	return false;
}

static uint16_t *head(const struct remote_cache *c, uint64_t number)
{
	return &c->heads[(number * 0x9e3779b97f4a7c15u) >> 32 & (HEADS - 1)];
}

static struct remote_cache_page *find(const struct remote_cache *c, uint64_t number)
{
	if (c->data == NULL)
		return NULL;
	uint16_t i = *head(c, number);
	while (i != 0 && c->pages[i - 1].number != number)
		i = c->pages[i - 1].next;
	return i != 0 ? &c->pages[i - 1] : NULL;
}

static unsigned char *data_of(const struct remote_cache *c, const struct remote_cache_page *p)
{
	return c->data + (size_t)(p - c->pages) * REMOTE_CACHE_PAGE;
}

static void unlink_page(struct remote_cache *c, struct remote_cache_page *p)
{
	uint16_t *at = head(c, p->number), i = (uint16_t)(p - c->pages + 1);
	while (*at != i)
		at = &c->pages[*at - 1].next;
	*at = p->next;
	p->state = 0;
}

enum remote_cache_state remote_cache_state(const struct remote_cache *c, uint64_t page)
{
	const struct remote_cache_page *p = find(c, page);
	return p == NULL ? REMOTE_CACHE_NONE : (enum remote_cache_state)p->state;
}

size_t remote_cache_copy(struct remote_cache *c, void *to, size_t size, uint64_t offset)
{
	struct remote_cache_page *p = find(c, offset / REMOTE_CACHE_PAGE);
	size_t at = (size_t)(offset % REMOTE_CACHE_PAGE);
	if (p == NULL || p->state != REMOTE_CACHE_HERE || at >= p->have)
		return 0;
	p->used = true;
	size = size < p->have - at ? size : p->have - at;
	memcpy(to, data_of(c, p) + at, size);
	return size;
}

/* A place for one more page; NULL: all are expected. */
static struct remote_cache_page *make_room(struct remote_cache *c)
{
	for (unsigned i = 0; i < 2 * REMOTE_CACHE_PAGES; i++) {
		struct remote_cache_page *p = &c->pages[c->hand];
		c->hand = (c->hand + 1) % REMOTE_CACHE_PAGES;
		if (p->state == REMOTE_CACHE_HERE && !p->used)
			unlink_page(c, p);
		if (p->state == 0)
			return p;
		p->used = false;
	}
	return NULL;
}

bool remote_cache_expect(struct remote_cache *c, uint64_t page, uint64_t id)
{
	struct remote_cache_page *p = ready(c) ? find(c, page) : NULL;
	if (c->data == NULL)
		return false;
	if (p == NULL) {
		p = make_room(c);
		if (p == NULL)
			return false;
		uint16_t *at = head(c, page);
		*p = (struct remote_cache_page){.number = page, .next = *at};
		*at = (uint16_t)(p - c->pages + 1);
	}
	p->state = REMOTE_CACHE_EXPECTED;
	p->id = id;
	p->used = true;
	return true;
}

void remote_cache_bring(struct remote_cache *c, uint64_t page, size_t n, uint64_t id, const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		struct remote_cache_page *p = find(c, page + i);
		size_t at = i * REMOTE_CACHE_PAGE;
		if (p == NULL || p->state != REMOTE_CACHE_EXPECTED || p->id != id)
			continue;
		if (data == NULL) {
			unlink_page(c, p);
			continue;
		}
		size_t k = at >= size ? 0 : size - at < REMOTE_CACHE_PAGE ? size - at : REMOTE_CACHE_PAGE;
		if (k > 0)
			memcpy(data_of(c, p), data + at, k);
		p->have = (uint32_t)k;
		p->state = REMOTE_CACHE_HERE;
	}
}

void remote_cache_write(struct remote_cache *c, const void *from, size_t size, uint64_t offset)
{
	for (size_t done = 0; done < size && c->data != NULL;) {
		uint64_t number = (offset + done) / REMOTE_CACHE_PAGE;
		size_t at = (size_t)((offset + done) % REMOTE_CACHE_PAGE), n = REMOTE_CACHE_PAGE - at;
		n = n < size - done ? n : size - done;
		struct remote_cache_page *p = find(c, number);
		if (p != NULL && p->state == REMOTE_CACHE_HERE && at <= p->have) {
			memcpy(data_of(c, p) + at, (const char *)from + done, n);
			p->have = p->have > at + n ? p->have : (uint32_t)(at + n);
		} else if (p != NULL) {
			unlink_page(c, p);
		}
		done += n;
	}
}

void remote_cache_forget(struct remote_cache *c, uint64_t page)
{
	struct remote_cache_page *p = find(c, page);
	if (p != NULL)
		unlink_page(c, p);
}

void remote_cache_forget_from(struct remote_cache *c, uint64_t page)
{
	for (size_t i = 0; c->data != NULL && i < REMOTE_CACHE_PAGES; i++)
		if (c->pages[i].state != 0 && c->pages[i].number >= page)
			unlink_page(c, &c->pages[i]);
}

void remote_cache_free(struct remote_cache *c)
{
	if (c->data != NULL)
		munmap(c->data, REMOTE_FILE_CACHE);
	free(c->pages);
	free(c->heads);
	*c = (struct remote_cache){0};
}
