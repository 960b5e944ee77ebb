/* signalfd: signals that are read, signalfd(2). */
#include "../base/error.h"
#include "../resource/descriptor.h"

#include <errno.h>
#include <pmig/kind.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

static int match(const struct pmig_resource *r)
{
	return strcmp(r->locator, "anon_inode:[signalfd]") == 0;
}

static int describe(struct pmig_resource *r)
{
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_VALUE;
		r->declaration.attachment = PMIG_UNATTACHED;
	}
	return 0;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	char text[1024];
	descriptor_info(r->fd, text, sizeof text);
	pmig_write_number(w, descriptor_number(text, "sigmask", 16, 0));
	return 0;
}

static int copy(struct pmig_resource *r, struct pmig_reader *in)
{
	uint64_t bits = pmig_read_number(in);
	sigset_t set;
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	sigemptyset(&set);
	for (int i = 1; i <= 64; i++)
		if ((bits >> (i - 1) & 1) != 0)
			(void)sigaddset(&set, i);
	r->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->fd < 0 ? error_errno(PMIG_EIO, errno, "signalfd") : 0;
}

const struct pmig_kind kind_signalfd = {
	.version = PMIG_KIND_VERSION,
	.name = "signalfd",
	.about = "signals that are read",
	.match = match,
	.describe = describe,
	.save = save,
	.copy = copy,
};
