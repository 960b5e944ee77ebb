/* timerfd: a timer that is read, timerfd_create(2): it goes on with the time that was left. */
#include "../base/error.h"
#include "../resource/descriptor.h"

#include <errno.h>
#include <pmig/kind.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t) /* linux/timerfd.h, which contradicts sys/timerfd.h */
#endif

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

static bool counts_dates(uint64_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM;
}

/* One that was set to a date goes off at that date, wherever it is then. */
static void make_date(struct itimerspec *t, clockid_t clock)
{
	struct timespec now;
	if ((t->it_value.tv_sec == 0 && t->it_value.tv_nsec == 0) || clock_gettime(clock, &now) < 0)
		return;
	t->it_value.tv_sec += now.tv_sec;
	t->it_value.tv_nsec += now.tv_nsec;
	if (t->it_value.tv_nsec >= 1000000000) {
		t->it_value.tv_sec++;
		t->it_value.tv_nsec -= 1000000000;
	}
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	char text[1024];
	struct itimerspec t;
	bool told = timerfd_gettime(r->fd, &t) == 0; /* first: this counts how often it has gone off since */
	descriptor_info(r->fd, text, sizeof text);
	uint64_t clock = descriptor_number(text, "clockid", 10, UINT64_MAX);
	uint64_t flags = descriptor_number(text, "settime flags", 8, 0) & (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
	if (clock == UINT64_MAX || !told)
		return error_set(PMIG_EREFUSED, "this kernel does not tell its settings");
	if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM)
		return error_set(PMIG_EREFUSED,
			"it wakes this host from sleep (CLOCK_REALTIME_ALARM or CLOCK_BOOTTIME_ALARM), which another may not grant; close it "
			"before the safe point");
	if (!counts_dates(clock))
		flags = 0;
	if ((flags & TFD_TIMER_ABSTIME) != 0)
		make_date(&t, (clockid_t)clock);
	pmig_write_number(w, clock);
	pmig_write_number(w, flags);
	pmig_write_number(w, descriptor_number(text, "ticks", 10, 0));
	const int64_t numbers[] = {t.it_value.tv_sec, t.it_value.tv_nsec, t.it_interval.tv_sec, t.it_interval.tv_nsec};
	for (size_t i = 0; i < 4; i++)
		pmig_write_number(w, (uint64_t)numbers[i]);
	return 0;
}

/* How often it had gone off and was not read. A kernel that cannot be told (CONFIG_CHECKPOINT_RESTORE) lets it go off at once. */
static int set(int fd, int flags, struct itimerspec *t, uint64_t ticks)
{
	if (timerfd_settime(fd, flags, t, NULL) < 0)
		return -1;
	if (ticks == 0 || ioctl(fd, TFD_IOC_SET_TICKS, &ticks) == 0)
		return 0;
	t->it_value = (struct timespec){.tv_nsec = 1};
	return timerfd_settime(fd, 0, t, NULL);
}

static int copy(struct pmig_resource *r, struct pmig_reader *in)
{
	uint64_t clock = pmig_read_number(in), flags = pmig_read_number(in), ticks = pmig_read_number(in);
	struct itimerspec t;
	t.it_value.tv_sec = (time_t)pmig_read_number(in);
	t.it_value.tv_nsec = (long)pmig_read_number(in);
	t.it_interval.tv_sec = (time_t)pmig_read_number(in);
	t.it_interval.tv_nsec = (long)pmig_read_number(in);
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	r->fd = timerfd_create((int)clock, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->fd < 0 || set(r->fd, (int)flags, &t, ticks) < 0)
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
