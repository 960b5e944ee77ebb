/* pool: memory and texts that are given back together. */
#include "pool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 65536u
#define ALIGNMENT _Alignof(max_align_t)

struct pool_chunk {
	struct pool_chunk *next;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

void *pool_take(struct pool *pool, size_t size)
{
	struct pool_chunk *c = pool->chunks;
	if (size > SIZE_MAX / 2)
		goto failed;
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (c == NULL || c->size - c->used < size) {
		size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
		c = calloc(1, sizeof *c + room);
		if (c == NULL)
			goto failed;
		c->size = room;
		c->next = pool->chunks;
		pool->chunks = c;
	}
	c->used += size;
	return c->data + c->used - size;
failed:
	pool->failed = true;
	return NULL;
}

const char *pool_copy(struct pool *pool, const char *text)
{
	if (text == NULL || *text == '\0')
		return "";
	size_t size = strlen(text) + 1;
	char *copy = pool_take(pool, size);
	return copy != NULL ? memcpy(copy, text, size) : "";
}

const char *pool_format(struct pool *pool, const char *format, ...)
{
	char text[PMIG_REASON_MAX];
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return n >= 0 ? pool_copy(pool, text) : "";
}

void pool_finish(struct pool *pool)
{
	while (pool->chunks != NULL) {
		struct pool_chunk *next = pool->chunks->next;
		free(pool->chunks);
		pool->chunks = next;
	}
}
