/* allocating: each calls libc's function while libc's allocations go to the arena. What libc frees again itself it
 * frees by address. */
#include "allocating.h"

#include "../arena/interpose.h"
#include "../arena/malloc.h"

#include <execinfo.h>
#include <stdio.h>
#include <string.h>

#define IN_ARENA(type, call) \
	interpose_arena_begin(); \
	type result = call; \
	interpose_arena_end(); \
	return result

error_t pmig_argz_create(char *const argv[], char **ret_argz, size_t *ret_size)
{
	IN_ARENA(error_t, argz_create(argv, ret_argz, ret_size));
}

error_t pmig_argz_create_sep(const char *text, int separator, char **ret_argz, size_t *ret_size)
{
	IN_ARENA(error_t, argz_create_sep(text, separator, ret_argz, ret_size));
}

error_t pmig_argz_append(char **argz, size_t *size, const char *more, size_t more_size)
{
	IN_ARENA(error_t, argz_append(argz, size, more, more_size));
}

error_t pmig_argz_add(char **argz, size_t *size, const char *text)
{
	IN_ARENA(error_t, argz_add(argz, size, text));
}

error_t pmig_argz_add_sep(char **argz, size_t *size, const char *text, int separator)
{
	IN_ARENA(error_t, argz_add_sep(argz, size, text, separator));
}

error_t pmig_argz_insert(char **argz, size_t *size, char *before, const char *entry)
{
	IN_ARENA(error_t, argz_insert(argz, size, before, entry));
}

error_t pmig_argz_replace(char **argz, size_t *size, const char *text, const char *with, unsigned *count)
{
	IN_ARENA(error_t, argz_replace(argz, size, text, with, count));
}

error_t pmig_envz_add(char **envz, size_t *size, const char *name, const char *value)
{
	IN_ARENA(error_t, envz_add(envz, size, name, value));
}

error_t pmig_envz_merge(char **envz, size_t *size, const char *other, size_t other_size, int override)
{
	IN_ARENA(error_t, envz_merge(envz, size, other, other_size, override));
}

int pmig_glob(const char *pattern, int flags, int (*failed)(const char *path, int number), glob_t *ret)
{
	IN_ARENA(int, glob(pattern, flags, failed, ret));
}

int pmig_wordexp(const char *words, wordexp_t *ret, int flags)
{
	IN_ARENA(int, wordexp(words, ret, flags));
}

/* One block with the address behind it, as libc's freeaddrinfo() expects. */
static struct addrinfo *copy_address(const struct addrinfo *a)
{
	struct addrinfo *copy = pmig_malloc(sizeof *copy + a->ai_addrlen);
	if (copy == NULL)
		return NULL;
	*copy = *a;
	copy->ai_next = NULL;
	copy->ai_addr = a->ai_addr != NULL ? memcpy(copy + 1, a->ai_addr, a->ai_addrlen) : NULL;
	copy->ai_canonname = a->ai_canonname != NULL ? pmig_strdup(a->ai_canonname) : NULL;
	if (a->ai_canonname != NULL && copy->ai_canonname == NULL) {
		pmig_free(copy);
		return NULL;
	}
	return copy;
}

/* Copied, not allocated there: the first look-up loads libraries, whose memory is libc's. */
int pmig_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	struct addrinfo *found, *first = NULL, **end = &first;
	int r = getaddrinfo(node, service, hints, &found);
	if (r != 0)
		return r;
	for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
		*end = copy_address(a);
		if (*end == NULL) {
			r = EAI_MEMORY;
			break;
		}
		end = &(*end)->ai_next;
	}
	freeaddrinfo(found);
	if (r == 0)
		*ret = first;
	else if (first != NULL)
		freeaddrinfo(first);
	return r;
}

int pmig_getifaddrs(struct ifaddrs **ret)
{
	IN_ARENA(int, getifaddrs(ret));
}

struct if_nameindex *pmig_if_nameindex(void)
{
	IN_ARENA(struct if_nameindex *, if_nameindex());
}

char **pmig_backtrace_symbols(void *const *addresses, int n)
{
	IN_ARENA(char **, backtrace_symbols(addresses, n));
}
