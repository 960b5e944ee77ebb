/* eventfd: a counter within the process, eventfd(2). */
#include "../base/error.h"
#include "../resource/descriptor.h"

#include <errno.h>
#include <pmig/kind.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int match(const struct pmig_resource *r)
{
	return strcmp(r->locator, "anon_inode:[eventfd]") == 0;
}

static int describe(struct pmig_resource *r)
{
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_VALUE;
		r->declaration.attachment = PMIG_UNATTACHED;
	}
	return 0;
}

/* Kernels before 6.5 do not say whether it is a semaphore: reading one that is shows it, and what was read is put
 * back. */
static bool is_semaphore(int fd, const char *text, uint64_t count)
{
	uint64_t said = descriptor_number(text, "eventfd-semaphore", 10, 2), got = 0;
	if (said != 2 || count < 2)
		return said == 1;
	if (read(fd, &got, sizeof got) != sizeof got)
		return false;
	(void)!write(fd, &got, sizeof got);
	return got == 1;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	char text[1024];
	descriptor_info(r->fd, text, sizeof text);
	uint64_t count = descriptor_number(text, "eventfd-count", 16, UINT64_MAX);
	if (count == UINT64_MAX)
		return error_set(PMIG_EREFUSED, "this kernel does not tell its count");
	pmig_write_number(w, count);
	pmig_write_number(w, is_semaphore(r->fd, text, count));
	return 0;
}

static int copy(struct pmig_resource *r, struct pmig_reader *in)
{
	uint64_t count = pmig_read_number(in), semaphore = pmig_read_number(in);
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0));
	if (r->fd < 0 || (count > 0 && write(r->fd, &count, sizeof count) != sizeof count))
		return error_errno(PMIG_EIO, errno, "eventfd");
	return 0;
}

const struct pmig_kind kind_eventfd = {
	.version = PMIG_KIND_VERSION,
	.name = "eventfd",
	.about = "a counter within the process",
	.match = match,
	.describe = describe,
	.save = save,
	.copy = copy,
};
