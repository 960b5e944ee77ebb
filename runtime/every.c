/* every: an image, execve, and on from the image. */
#include "every.h"

#include "arena/arena.h"
#include "checkpoint.h"
#include "frame/program.h"
#include "resource/resource.h"
#include "stop.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static struct {
	long interval, countdown, left; /* < 0: at random points; left: restores that may still be made, < 0: any number */
	const char *path, *count_path, *stacks_path;
} every;

int every_start(void)
{
	const char *interval = getenv("PMIG_EVERY"), *path = getenv("PMIG_EVERY_IMAGE"),
		   *image = getenv("PMIG_EVERY_RESTORE"), *count = getenv("PMIG_EVERY_COUNT"),
		   *stacks = getenv("PMIG_EVERY_STACKS");
	if (interval == NULL || path == NULL)
		return -1;
	every_mode = true;
	int fd = image != NULL ? atoi(image) : -1;
	if (image == NULL)
		(void)close_range(3, ~0u,
			0); /* what a shell or a test driver forgot to close would refuse every checkpoint */
	char *end;
	every.interval = strtol(interval, &end, 10);
	every.left = *end == ':' ? strtol(end + 1, NULL, 10) : -1;
	every.path = strdup(path);
	every.count_path = count != NULL ? strdup(count) : NULL;
	every.stacks_path = stacks != NULL ? strdup(stacks) : NULL;
	(void)unsetenv("PMIG_EVERY");
	(void)unsetenv("PMIG_EVERY_IMAGE");
	(void)unsetenv("PMIG_EVERY_COUNT");
	(void)unsetenv("PMIG_EVERY_STACKS");
	(void)unsetenv("PMIG_EVERY_RESTORE");
	return fd;
}

void every_leave(void)
{
	every.interval = 0;
}

bool every_on(void)
{
	return every.interval != 0 && every.left != 0;
}

/* Safe points until the next restore. At random ones: the same each time, so that what failed can be looked at again. */
static long distance(void)
{
	if (every.interval > 0)
		return every.interval;
	uint64_t mixed = (checkpoint_number() + 1) * 0x9e3779b97f4a7c15;
	mixed = (mixed ^ (mixed >> 31)) * 0xbf58476d1ce4e5b9;
	mixed ^= mixed >> 29;
	return 1 + (long)(mixed % (uint64_t)(-2 * every.interval));
}

bool every_due(void)
{
	long none = 0;
	if (__atomic_load_n(&every.countdown, __ATOMIC_RELAXED) == 0)
		(void)__atomic_compare_exchange_n(&every.countdown, &none, distance(), false, __ATOMIC_RELAXED,
			__ATOMIC_RELAXED);
	return __atomic_sub_fetch(&every.countdown, 1, __ATOMIC_RELAXED) <= 0;
}

/* How often it was done, for a test that must know that it was. */
static void write_count(void)
{
	int fd = every.count_path == NULL ? -1 : open(every.count_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	(void)dprintf(fd, "%lu\n", (unsigned long)checkpoint_number());
	(void)close(fd);
}

_Noreturn void every_fail(const char *why)
{
	(void)dprintf(2, "pmig: %s\n", why);
	_exit(125);
}

/* A line for each thread: its functions, innermost first, with their lines where they are known. */
static void write_stacks(struct walk_buffer *const *frames)
{
	int fd = every.stacks_path == NULL ? -1 : open(every.stacks_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	for (unsigned i = 0; fd >= 0 && i < ARENA_THREADS_MAX; i++) {
		if (frames[i] == NULL)
			continue;
		(void)dprintf(fd, "%lu %u", (unsigned long)checkpoint_number(), i);
		for (size_t at = 0; at < frames[i]->size;) {
			const struct walk_frame *frame = (const void *)(frames[i]->bytes + at);
			const struct program_site *site = &pmig_program.sites[frame->site];
			(void)dprintf(fd, " %s:%u", pmig_program.functions[site->function].name, site->line);
			at += sizeof *frame + frame->size;
		}
		(void)dprintf(fd, "\n");
	}
	if (fd >= 0)
		(void)close(fd);
}

/* The signals of timers that have run out since the image was made, where they still run: this process, which is the next one too,
 * must not have them a second time. (timer_create's own are forgotten by execve.) What others have sent waits for the next one. */
static void forget_timers(void)
{
	static const int signals[] = {SIGALRM, SIGVTALRM, SIGPROF};
	static const struct itimerval none;
	static const struct timespec at_once;
	for (int i = ITIMER_REAL; i <= ITIMER_PROF; i++) {
		sigset_t set;
		siginfo_t info;
		(void)setitimer((__itimer_which_t)i, &none, NULL);
		(void)sigemptyset(&set);
		(void)sigaddset(&set, signals[i]);
		if (sigtimedwait(&set, &info, &at_once) > 0 && info.si_code != SI_KERNEL)
			(void)syscall(SYS_rt_sigqueueinfo, getpid(), signals[i], &info);
	}
}

static _Noreturn void go_on_from(int fd)
{
	char interval[48], number[24];
	(void)snprintf(interval, sizeof interval, "%ld:%ld", every.interval, every.left < 0 ? -1 : every.left - 1);
	(void)snprintf(number, sizeof number, "%d", fd);
	(void)setenv("PMIG_EVERY", interval, 1);
	(void)setenv("PMIG_EVERY_IMAGE", every.path, 1);
	(void)setenv("PMIG_EVERY_RESTORE", number, 1);
	if (every.count_path != NULL)
		(void)setenv("PMIG_EVERY_COUNT", every.count_path, 1);
	if (every.stacks_path != NULL)
		(void)setenv("PMIG_EVERY_STACKS", every.stacks_path, 1);
	write_count();
	forget_timers();
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	(void)fcntl(fd, F_SETFD, 0);
	(void)execl("/proc/self/exe", program_invocation_name, (char *)NULL);
	(void)dprintf(2, "pmig: /proc/self/exe: %s\n", strerror(errno));
	_exit(125);
}

void every_restore(struct walk_buffer *const *frames)
{
	struct checkpoint_result result;
	stop_hold(1);
	int r = resource_prepare();
	stop_hold(-1);
	every.countdown = r == PMIG_EBUSY ? 1 : 0;
	if (r == PMIG_EBUSY)
		return;
	if (r >= 0)
		r = thread_alone();
	(void)unlink(every.path); /* this process may be mapped from it */
	int fd = r < 0 ? -1 : open(every.path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (r >= 0 && fd < 0)
		r = error_errno(PMIG_EIO, errno, "%s", every.path);
	if (r >= 0)
		r = checkpoint_write(fd, frames, &result);
	if (r < 0)
		every_fail(pmig_reason());
	write_stacks(frames);
	go_on_from(fd);
}
