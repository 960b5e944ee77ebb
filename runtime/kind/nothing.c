/* nothing: what keeps the numbers of a descriptor that was dropped, or that a hook is to obtain anew: open with O_PATH, so that every use
 * fails with EBADF. Part of the process from then on. */
#include "nothing.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME "pmig-nothing" /* transport/agent_resources.c knows it */

int nothing_open(void)
{
	char path[64];
	int file = memfd_create(NAME, MFD_CLOEXEC);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	int fd = file >= 0 ? open(path, O_PATH | O_CLOEXEC) : -1, number = errno;
	if (file >= 0)
		(void)close(file);
	return fd < 0 ? error_errno(PMIG_EIO, number, "what keeps the number of a descriptor") : fd;
}

static int match(const struct pmig_resource *r)
{
	static const char link[] = "/memfd:" NAME " ";
	return (r->flags & O_PATH) != 0 && strncmp(r->locator, link, sizeof link - 1) == 0;
}

static int describe(struct pmig_resource *r)
{
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_VALUE;
		r->declaration.attachment = PMIG_UNATTACHED;
	}
	return 0;
}

static int copy(struct pmig_resource *r, struct pmig_reader *in)
{
	(void)in;
	r->fd = nothing_open();
	return r->fd < 0 ? r->fd : 0;
}

const struct pmig_kind kind_nothing = {
	.version = PMIG_KIND_VERSION,
	.name = "nothing",
	.about = "the number of a descriptor that was dropped",
	.match = match,
	.describe = describe,
	.copy = copy,
};
