/* malloc: the allocation functions as the program sees them. The instrumenter turns its calls of malloc into calls of
 * pmig_malloc and so on; what they return lies in the arena and travels. Each behaves as the function without the
 * prefix. */
#ifndef PMIG_ARENA_MALLOC_H
#define PMIG_ARENA_MALLOC_H

#include <stddef.h>
#include <wchar.h>

void *pmig_malloc(size_t size);
void *pmig_calloc(size_t n, size_t size);
void *pmig_aligned_alloc(size_t alignment, size_t size);
int pmig_posix_memalign(void **ret_p, size_t alignment, size_t size);
void *pmig_memalign(size_t alignment, size_t size);
void *pmig_valloc(size_t size);
void *pmig_pvalloc(size_t size);

/* These decide by the address: a block of the arena, of the foreign heap, or of libc. What was not in the arena moves
 * there with pmig_realloc(): from then on it is the program's own. */
void *pmig_realloc(void *p, size_t size);
void *pmig_reallocarray(void *p, size_t n, size_t size);
void pmig_free(void *p);
void pmig_cfree(void *p);
size_t pmig_malloc_usable_size(void *p);

char *pmig_strdup(const char *s);
char *pmig_strndup(const char *s, size_t n);
wchar_t *pmig_wcsdup(const wchar_t *s);

/* Called with each block that the program gives back, NULL included; NULL: nobody wants to know. */
extern void (*malloc_watch)(const void *p);

#endif
