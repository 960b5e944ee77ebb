/* timerfd: a timer that is read, timerfd_create(2): it goes on with the time that was left. */
#include "../base/error.h"
#include "../resource/descriptor.h"

#include <errno.h>
#include <pmig/kind.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int match(const struct pmig_resource *r)
{
	return strcmp(r->locator, "anon_inode:[timerfd]") == 0;
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
	struct itimerspec t;
	descriptor_info(r->fd, text, sizeof text);
	uint64_t clock = descriptor_number(text, "clockid", 10, UINT64_MAX);
	if (clock == UINT64_MAX || timerfd_gettime(r->fd, &t) < 0)
		return error_set(PMIG_EREFUSED, "this kernel does not tell its settings");
	if (descriptor_number(text, "ticks", 10, 0) != 0 && t.it_value.tv_sec == 0 && t.it_value.tv_nsec == 0)
		t.it_value.tv_nsec = 1; /* it has expired and was not read: there, it expires at once */
	pmig_write_number(w, clock);
	const int64_t numbers[] = {t.it_value.tv_sec, t.it_value.tv_nsec, t.it_interval.tv_sec, t.it_interval.tv_nsec};
	for (size_t i = 0; i < 4; i++)
		pmig_write_number(w, (uint64_t)numbers[i]);
	return 0;
}

static int copy(struct pmig_resource *r, struct pmig_reader *in)
{
	uint64_t clock = pmig_read_number(in);
	struct itimerspec t;
	t.it_value.tv_sec = (time_t)pmig_read_number(in);
	t.it_value.tv_nsec = (long)pmig_read_number(in);
	t.it_interval.tv_sec = (time_t)pmig_read_number(in);
	t.it_interval.tv_nsec = (long)pmig_read_number(in);
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	r->fd = timerfd_create((int)clock, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->fd < 0 || timerfd_settime(r->fd, 0, &t, NULL) < 0)
		return error_errno(PMIG_EIO, errno, "timerfd");
	return 0;
}

const struct pmig_kind kind_timerfd = {
	.version = PMIG_KIND_VERSION,
	.name = "timerfd",
	.about = "a timer within the process; it goes on with the time that was left",
	.match = match,
	.describe = describe,
	.save = save,
	.copy = copy,
};
