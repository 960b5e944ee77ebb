/* library: which shared libraries a program needs, and where this host has them, as its own dynamic loader says. */
#ifndef PMIG_TRANSPORT_LIBRARY_H
#define PMIG_TRANSPORT_LIBRARY_H

#include "../runtime/base/error.h"

#include <limits.h>
#include <stddef.h>

#define LIBRARY_MAX 512

struct library {
	char name[NAME_MAX + 1]; /* as the program asks for it */
	char path[PATH_MAX];     /* "": not on this host */
};

struct library_list {
	size_t count;
	struct library *libraries;
	char problem[512]; /* "": none; else why the loader would not start it although every file is there */
};

/* Asks the loader that the executable `path` names, with LD_LIBRARY_PATH set to `search` ("": not set). A static program has
 * no libraries. Blocks for a few milliseconds; nothing of the program runs. Errors: PMIG_ENOENT, PMIG_ECORRUPT (not an executable of this
 * machine), PMIG_EIO, PMIG_ENOMEM, PMIG_ETIMEOUT. */
int library_list_get(const char *path, const char *search, struct library_list *ret_list) PMIG_MUST_CHECK;
void library_list_finish(struct library_list *list); /* zeroed is fine */

#endif
