/* Each kind of descriptor is made anew, or refused by name; every cell of the strategy table is as it is written down. */
#include "restore_case.h"

#include "kind/table.h"
#include "base/strategy.h"
#include "resource/decide.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

struct fds {
	int a, b;
};

static struct fds *keep(int a, int b)
{
	struct fds *f = pmig_calloc(1, sizeof *f);
	CHECK(f != NULL && a >= 0 && b >= 0);
	*f = (struct fds){a, b};
	return f;
}

static void *counters(void)
{
	return keep(eventfd(5, EFD_CLOEXEC), eventfd(7, EFD_SEMAPHORE | EFD_NONBLOCK));
}

static void counters_after(void *state)
{
	struct fds *f = state;
	uint64_t n;
	CHECK(read(f->a, &n, sizeof n) == 8 && n == 5 && fcntl(f->a, F_GETFD) == FD_CLOEXEC);
	CHECK(read(f->b, &n, sizeof n) == 8 && n == 1 && read(f->b, &n, sizeof n) == 8 && n == 1);
	CHECK((fcntl(f->b, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(f->a, F_GETFL) & O_NONBLOCK) == 0);
}

static void *timers(void)
{
	struct fds *f = keep(timerfd_create(CLOCK_MONOTONIC, 0), timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	CHECK(timerfd_settime(f->a, 0, &(struct itimerspec){.it_value.tv_sec = 500, .it_interval.tv_sec = 9}, NULL) == 0);
	CHECK(timerfd_settime(f->b, 0, &(struct itimerspec){.it_value.tv_nsec = 1}, NULL) == 0);
	CHECK(poll(&(struct pollfd){.fd = f->b, .events = POLLIN}, 1, 5000) == 1); /* expired, not read */
	return f;
}

static void timers_after(void *state)
{
	struct fds *f = state;
	struct itimerspec t;
	CHECK(timerfd_gettime(f->a, &t) == 0 && t.it_value.tv_sec >= 490 && t.it_value.tv_sec <= 500 &&
		t.it_interval.tv_sec == 9);
	CHECK(poll(&(struct pollfd){.fd = f->b, .events = POLLIN}, 1, 5000) == 1);
}

static void *signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct fds *f = keep(signalfd(-1, &set, 0), 0);
	raise(SIGUSR2);
	return f;
}

static void signals_after(void *state)
{
	struct fds *f = state;
	struct signalfd_siginfo info;
	CHECK(read(f->a, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR2);
}

static void *same_everywhere(void)
{
	CHECK(chdir(restore_place) == 0);
	return keep(open("/dev/zero", O_RDWR), open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void same_everywhere_after(void *state)
{
	struct fds *f = state;
	char c = 1;
	struct stat a, b;
	CHECK(read(f->a, &c, 1) == 1 && c == 0);
	CHECK(fstat(f->b, &a) == 0 && stat(restore_place, &b) == 0 && a.st_ino == b.st_ino);
}

static int file(const char *name, int flags)
{
	char path[PATH_MAX + 32];
	snprintf(path, sizeof path, "%s/%s", restore_place, name);
	return open(path, flags, 0600);
}

/* Another open file description of the same file, in the same process: flock() and the locks of a description see it
 * as a stranger. */
static void *locks(void)
{
	struct fds *f = keep(file("whole", O_RDWR | O_CREAT), file("part", O_WRONLY | O_CREAT));
	struct flock part = {.l_type = F_WRLCK, .l_start = 10, .l_len = 5};
	CHECK(flock(f->a, LOCK_EX) == 0 && write(f->b, "0123456789abcdef", 16) == 16 && fcntl(f->b, F_SETLK, &part) == 0);
	CHECK(restore_write("/dev/null") >= 0); /* a checkpoint after which it goes on: nothing is let go */
	resource_continue();
	char text[4096] = "", path[64];
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", f->b);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(read(fd, text, sizeof text - 1) > 0 && strstr(text, "POSIX") != NULL);
	close(fd);
	return f;
}

static void locks_after(void *state)
{
	struct fds *f = state;
	char text[4096] = "", path[64];
	int other = file("whole", O_RDWR);
	CHECK(flock(other, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", f->b);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(read(fd, text, sizeof text - 1) > 0);
	CHECK(strstr(text, "POSIX") != NULL && strstr(text, "10 14") != NULL);
}

static void *watching(void)
{
	return keep(inotify_init1(IN_CLOEXEC), 0);
}

static void *outside(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return keep(fd >= 0 ? fd : open("/dev/ptmx", O_RDWR | O_CLOEXEC), 0);
}

static const struct restore_case cases[] = {
	{.name = "eventfd", .before = counters, .after = counters_after},
	{.name = "timerfd", .before = timers, .after = timers_after},
	{.name = "signalfd", .before = signals, .after = signals_after},
	{.name = "device and directory", .before = same_everywhere, .after = same_everywhere_after},
	{.name = "locks", .before = locks, .after = locks_after},
	{.name = "inotify is refused", .before = watching, .refused = "inotify watches files of this host"},
	{.name = "another device is refused", .before = outside, .refused = "device (by identifier, fixed, undeclared)"},
	{0},
};

static int able(struct pmig_resource *r, struct pmig_reader *in)
{
	(void)r, (void)in;
	return 0;
}

/* binding, attachment: alone / shared, for a reference that is kept, and for one that only a plan could set up: the first is taken
 * wherever the cell offers one, the second nowhere. */
static const char *const expected = "by identifier, unattached: reference/reference move/refuse\n"
				    "by identifier, fastened: reference/reference move/refuse\n"
				    "by identifier, fixed: reference/reference refuse/refuse\n"
				    "by value, unattached: reference/reference copy/refuse\n"
				    "by value, fastened: reference/reference rebind/rebind\n"
				    "by value, fixed: refuse/refuse refuse/refuse\n"
				    "by type, unattached: reference/reference rebind/rebind\n"
				    "by type, fastened: reference/reference rebind/rebind\n"
				    "by type, fixed: reference/reference rebind/rebind\n";

static void every_cell(void **state)
{
	(void)state;
	static const char *const bindings[] = {"", "by identifier", "by value", "by type"};
	static const char *const attachments[] = {"", "unattached", "fastened", "fixed"};
	const struct pmig_kind full = {.name = "full", .move = able, .copy = able, .refer = able, .rebind = able};
	char text[2048] = "", why[300];
	size_t n = 0;
	for (int b = 1; b <= 3; b++)
		for (int a = 1; a <= 3; a++) {
			n += (size_t)snprintf(text + n, sizeof text - n, "%s, %s:", bindings[b], attachments[a]);
			for (int i = 0; i < 4; i++) {
				struct pmig_resource r = {.kind = &full, .kept = i < 2, .shared = i % 2 == 1};
				r.declaration.binding = (enum pmig_binding)b;
				r.declaration.attachment = (enum pmig_attachment)a;
				n += (size_t)snprintf(text + n, sizeof text - n, "%c%s", i % 2 == 1 ? '/' : ' ',
					strategy_name(decide_strategy(&r, why, sizeof why)));
				assert_true(strlen(why) > 5);
			}
			n += (size_t)snprintf(text + n, sizeof text - n, "\n");
		}
	assert_string_equal(text, expected);
}

static void consent_and_declared_strategy(void **state)
{
	(void)state;
	const struct pmig_kind tied = {.name = "tied", .move = able, .copy = able};
	struct pmig_resource r = {.kind = &tied, .shared = true};
	char why[300];
	r.declaration = (struct pmig_declaration){
		.binding = PMIG_BY_VALUE, .attachment = PMIG_UNATTACHED, .consent = PMIG_DIVERGENCE};
	assert_int_equal(decide_strategy(&r, why, sizeof why), PMIG_COPY);
	r.declaration.attachment = PMIG_FIXED;
	assert_int_equal(decide_strategy(&r, why, sizeof why), PMIG_REFUSE);
	r.declaration.consent = PMIG_SNAPSHOT;
	assert_int_equal(decide_strategy(&r, why, sizeof why), PMIG_COPY);
	r.declaration.strategy = PMIG_MOVE;
	assert_int_equal(decide_strategy(&r, why, sizeof why), PMIG_MOVE);
	r.declaration.strategy = PMIG_REBIND;
	assert_int_equal(decide_strategy(&r, why, sizeof why), PMIG_REFUSE);
	assert_non_null(strstr(why, "impossible"));
}

static void the_table_is_sound(void **state)
{
	(void)state;
	const struct pmig_kind *k;
	for (size_t i = 0; (k = kind_table_at(i)) != NULL; i++) {
		assert_int_equal(k->version, PMIG_KIND_VERSION);
		assert_non_null(k->match);
		assert_non_null(k->describe);
		assert_true(strlen(k->about) > 10);
		assert_ptr_equal(kind_table_find(k->name), k);
	}
	assert_null(kind_table_find("nonsense"));
}

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell),
		cmocka_unit_test(consent_and_declared_strategy),
		cmocka_unit_test(the_table_is_sound),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed + restore_all(cases);
}
