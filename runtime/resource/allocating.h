/* allocating: more functions of libc whose result the caller frees (see arena/alloc_wrappers.h), with that result in
 * the arena; each as the function without the prefix. */
#ifndef PMIG_RESOURCE_ALLOCATING_H
#define PMIG_RESOURCE_ALLOCATING_H

#include <argz.h>
#include <envz.h>
#include <glob.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <wordexp.h>

error_t pmig_argz_create(char *const argv[], char **ret_argz, size_t *ret_size);
error_t pmig_argz_create_sep(const char *text, int separator, char **ret_argz, size_t *ret_size);
error_t pmig_argz_append(char **argz, size_t *size, const char *more, size_t more_size);
error_t pmig_argz_add(char **argz, size_t *size, const char *text);
error_t pmig_argz_add_sep(char **argz, size_t *size, const char *text, int separator);
error_t pmig_argz_insert(char **argz, size_t *size, char *before, const char *entry);
error_t pmig_argz_replace(char **argz, size_t *size, const char *text, const char *with, unsigned *count);
error_t pmig_envz_add(char **envz, size_t *size, const char *name, const char *value);
error_t pmig_envz_merge(char **envz, size_t *size, const char *other, size_t other_size, int override);

int pmig_glob(const char *pattern, int flags, int (*failed)(const char *path, int number), glob_t *ret);
int pmig_wordexp(const char *words, wordexp_t *ret, int flags);
int pmig_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret);
int pmig_getifaddrs(struct ifaddrs **ret);
struct if_nameindex *pmig_if_nameindex(void);
char **pmig_backtrace_symbols(void *const *addresses, int n);

#endif
