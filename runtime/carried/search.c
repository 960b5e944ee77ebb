/* search: bsearch(), lfind(), lsearch() in the program itself, so that a comparison may hold a safe point. */
#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void *pmig_bsearch(const void *key, const void *base, size_t n, size_t size, int (*compare)(const void *, const void *));
void *pmig_lfind(const void *key, const void *base, size_t *n, size_t size, int (*compare)(const void *, const void *));
void *pmig_lsearch(const void *key, void *base, size_t *n, size_t size, int (*compare)(const void *, const void *));

void *pmig_bsearch(const void *key, const void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	const char *low = base;
	while (n > 0) {
		const char *middle = low + n / 2 * size;
		int r = compare(key, middle);
		if (r == 0)
			return (void *)middle;
		if (r > 0) {
			low = middle + size;
			n -= n / 2 + 1;
		} else {
			n /= 2;
		}
	}
	return NULL;
}

void *pmig_lfind(const void *key, const void *base, size_t *n, size_t size, int (*compare)(const void *, const void *))
{
	const char *at = base;
	for (size_t i = 0; i < *n; i++, at += size)
		if (compare(key, at) == 0)
			return (void *)at;
	return NULL;
}

void *pmig_lsearch(const void *key, void *base, size_t *n, size_t size, int (*compare)(const void *, const void *))
{
	void *found = pmig_lfind(key, base, n, size, compare);
	return found != NULL ? found : memcpy((char *)base + (*n)++ * size, key, size);
}
