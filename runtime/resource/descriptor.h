/* descriptor: every open file description of this process, with the descriptors that lead to it. */
#ifndef PMIG_RESOURCE_DESCRIPTOR_H
#define PMIG_RESOURCE_DESCRIPTOR_H

#include "../base/error.h"

#include <pmig/kind.h>

#define DESCRIPTOR_MAX 65536 /* descriptors that one process may have */

struct descriptor_number {
	int fd;
	bool close_on_exec;
};

/* One open file description. */
struct description {
	struct pmig_resource r; /* fd is the lowest of its numbers; st, flags, locator are set */
	char *link;             /* what /proc/self/fd says: the locator */
	int64_t offset;         /* -1: it has none */
	struct descriptor_number *numbers;
	size_t n;
};

/* All of them but those for which `skip` says true, ordered by their lowest number. *ret is freed by
 * descriptor_free(). */
PMIG_MUST_CHECK int descriptor_scan(bool (*skip)(int fd), struct description **ret, size_t *ret_n);
void descriptor_free(struct description *all, size_t n);
void descriptor_drop(struct description *d); /* one that is taken out of them */

/* Whether two descriptors lead to one open file description. */
bool descriptor_same(int a, int b);

/* Whether another process has the thing `link` (as /proc/PID/fd shows it) or the file `st` open; `writing`: only
 * those who can write. Words such as "process 123 (tail)" go into `who`. Processes of other users cannot be seen. */
bool descriptor_elsewhere(const char *link, const struct stat *st, bool writing, char *who, size_t size);

/* A process in words: "process 123 (tail)". */
void descriptor_process(const char *pid, char *who, size_t size);

/* What the kernel says of the descriptor: the text of /proc/self/fdinfo (proc(5)), cut to `size`. `text` is "" on
 * failure. */
void descriptor_info(int fd, char *text, size_t size);

/* The number behind "name:" in such a text, in `base`; `otherwise` where there is none. */
uint64_t descriptor_number(const char *text, const char *name, int base, uint64_t otherwise);

/* Gives `from` the number `to`, and closes `from`; the flag is set. Errors: PMIG_EIO. */
PMIG_MUST_CHECK int descriptor_renumber(int from, int to, bool close_on_exec);

#endif
