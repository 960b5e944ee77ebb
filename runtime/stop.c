/* stop: the slow path of a safe point: requests of the agent, and the test mode that restores at every k-th one. */
#include "stop.h"

#include "block.h"
#include "checkpoint.h"
#include "control_channel.h"
#include "frame/jump.h"
#include "frame/walk.h"
#include "resource/resource.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__thread char *pmig_frame_sp;

static struct {
	int held;
	int image; /* the request that waits for a good point; -1: none */
	int plan;  /* what was decided for it; -1: nothing */
	bool freeze, told;
	struct timespec asked;
	long interval, countdown, left; /* the test mode; left: restores that may still be made, < 0: any number */
	const char *path, *count_path;
} stop = {.image = -1, .plan = -1};

void stop_hold(int delta)
{
	stop.held += delta;
}

static const char *host_name(void)
{
	static char name[65];
	if (gethostname(name, sizeof name - 1) != 0)
		name[0] = '\0';
	return name;
}

void stop_tell(enum pmig_outcome outcome, const char *from, const char *reason)
{
	struct pmig_news news = {.outcome = outcome, .from = from, .to = host_name(), .reason = reason};
	stop_hold(1);
	resource_after(&news);
	stop_hold(-1);
}

static void drop_request(void)
{
	(void)close(stop.image);
	stop.image = -1;
	if (stop.plan >= 0)
		(void)close(stop.plan);
	stop.plan = -1;
}

/* A plan comes before the request that it is for. */
static void keep_plan(int fd)
{
	if (stop.plan >= 0)
		(void)close(stop.plan);
	stop.plan = fd;
}

/* What the agent has said meanwhile. `context`: of the signal that interrupted the program; NULL at a safe point. */
static void read_requests(void *context)
{
	struct control_message m;
	int fd = -1;
	while (control_request(&m, &fd) > 0) {
		if (m.type == CONTROL_PLAN && fd >= 0) {
			keep_plan(fd);
			fd = -1;
		} else if (m.type == CONTROL_CHECKPOINT && fd >= 0) {
			if (stop.image >= 0)
				(void)close(stop.image);
			stop.image = fd;
			if ((m.args[0] & CONTROL_PLANNED) == 0)
				keep_plan(-1);
			stop.freeze = (m.args[0] & CONTROL_FREEZE) != 0;
			stop.told = false;
			fd = -1;
		} else if (m.type == CONTROL_CANCEL && stop.image >= 0) {
			char where[512] = "at a safe point";
			if (context != NULL && m.args[0] != 0)
				walk_describe(context, where, sizeof where);
			drop_request();
			(void)control_send(CONTROL_WHERE, NULL, where);
		}
		if (fd >= 0)
			(void)close(fd);
	}
}

/* The request is read here and not at the safe point alone: that point may never come, and CANCEL asks where the program is
 * instead. A safe point that is being worked on reads for itself. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info;
	int saved = errno;
	if (stop.held == 0 && control_pending())
		read_requests(context);
	pmig_poll = 1;
	pmig_asked = 1;
	block_interrupt(context);
	errno = saved;
}

void stop_start(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_RESTART | SA_SIGINFO | SA_ONSTACK};
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(CONTROL_SIGNAL, &action, NULL);
	walk_start();
	jump_start();
}

/* How often it was done, for a test that must know that it was. */
static void write_count(void)
{
	int fd = stop.count_path == NULL ? -1 : open(stop.count_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	(void)dprintf(fd, "%lu\n", (unsigned long)checkpoint_number());
	(void)close(fd);
}

/* Safe points until the next restore. At random ones: the same each time, so that what failed can be looked at again. */
static long distance(void)
{
	if (stop.interval > 0)
		return stop.interval;
	uint64_t mixed = (checkpoint_number() + 1) * 0x9e3779b97f4a7c15;
	mixed = (mixed ^ (mixed >> 31)) * 0xbf58476d1ce4e5b9;
	mixed ^= mixed >> 29;
	return 1 + (long)(mixed % (uint64_t)(-2 * stop.interval));
}

void stop_every(long interval, long most, const char *path, const char *count_path)
{
	stop.count_path = count_path;
	stop.interval = interval;
	stop.left = most;
	stop.path = path;
	pmig_poll = 1;
}

static int64_t elapsed_ns(const struct timespec *since)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000000000ll + now.tv_nsec - since->tv_nsec;
}

/* Not at this point: the poll flag stays set, the agent hears the reason once. */
static int try_later(void)
{
	pmig_poll = 1;
	if (!stop.told)
		(void)control_send(CONTROL_NOT_HERE, NULL, pmig_reason());
	stop.told = true;
	return 0;
}

/* Frozen: only the agent decides how it goes on. */
static int wait_for_verdict(void)
{
	struct control_message m;
	int r = control_wait_verdict(&m);
	if (r < 0)
		_exit(125); /* another copy may run by now: not one more instruction of the program */
	if (m.type == CONTROL_END) {
		if (m.args[0] != CONTROL_KEEP)
			(void)resource_release();
		_exit(0);
	}
	resource_continue();
	enum pmig_outcome outcome = m.args[0] == PMIG_FAILED ? PMIG_FAILED : PMIG_CONTINUED;
	stop_tell(outcome, host_name(), m.text);
	return outcome;
}

static int take_checkpoint(struct walk_buffer *frames)
{
	struct checkpoint_result result;
	struct timespec begin;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	stop_hold(1);
	int r = resource_prepare();
	stop_hold(-1);
	if (r == PMIG_EBUSY)
		return try_later();
	int plan = stop.plan;
	stop.plan = -1;
	if (r >= 0)
		r = resource_plan(plan);
	if (r >= 0)
		r = checkpoint_write(stop.image, frames, &result);
	drop_request();
	if (r < 0) {
		char reason[PMIG_REASON_MAX];
		(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
		(void)control_send(CONTROL_FAILED, (const int64_t[8]){r}, reason);
		stop_tell(PMIG_FAILED, host_name(), reason);
		return PMIG_FAILED;
	}
	const int64_t args[8] = {(int64_t)result.bytes, (int64_t)result.frames, elapsed_ns(&begin)};
	(void)control_send(stop.freeze ? CONTROL_FROZEN : CONTROL_SAVED, args, "");
	if (stop.freeze)
		return wait_for_verdict();
	resource_continue();
	stop_tell(PMIG_CONTINUED, host_name(), "");
	return PMIG_CONTINUED;
}

/* The test mode: what cannot be done is said and ends the test. */
static int restore_in_fresh_process(const void *from, struct walk_buffer *frames)
{
	struct checkpoint_result result;
	int r = walk_stack(from, frames);
	if (r == PMIG_EFOREIGN) {
		stop.countdown = 1;
		return 0;
	}
	if (r >= 0) {
		stop_hold(1);
		r = resource_prepare();
		stop_hold(-1);
	}
	if (r == PMIG_EBUSY) {
		stop.countdown = 1;
		return 0;
	}
	(void)unlink(stop.path); /* this process may be mapped from it */
	int fd = r < 0 ? -1 : open(stop.path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (r >= 0 && fd < 0)
		r = error_errno(PMIG_EIO, errno, "%s", stop.path);
	if (r >= 0)
		r = checkpoint_write(fd, frames, &result);
	if (r < 0) {
		(void)dprintf(2, "pmig: %s\n", pmig_reason());
		_exit(125);
	}
	char interval[48], number[24];
	(void)snprintf(interval, sizeof interval, "%ld:%ld", stop.interval, stop.left < 0 ? -1 : stop.left - 1);
	(void)snprintf(number, sizeof number, "%d", fd);
	(void)setenv("PMIG_EVERY", interval, 1);
	(void)setenv("PMIG_EVERY_IMAGE", stop.path, 1);
	(void)setenv("PMIG_EVERY_RESTORE", number, 1);
	if (stop.count_path != NULL)
		(void)setenv("PMIG_EVERY_COUNT", stop.count_path, 1);
	write_count();
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	(void)fcntl(fd, F_SETFD, 0);
	(void)execl("/proc/self/exe", program_invocation_name, (char *)NULL);
	(void)dprintf(2, "pmig: /proc/self/exe: %s\n", strerror(errno));
	_exit(125);
}

static int work_at(const void *from, struct walk_buffer *frames)
{
	if (stop.interval != 0) {
		if (stop.left == 0) {
			pmig_poll = 0;
			return 0;
		}
		if (stop.countdown == 0)
			stop.countdown = distance();
		return --stop.countdown > 0 ? 0 : restore_in_fresh_process(from, frames);
	}
	pmig_poll = 0;
	resource_tell();
	read_requests(NULL);
	if (stop.image < 0)
		return 0;
	int r = walk_stack(from, frames);
	return r < 0 ? try_later() : take_checkpoint(frames);
}

__attribute__((noinline)) int pmig_stop(void)
{
	pmig_asked = 0;
	if (stop.held != 0)
		return 0;
	int saved = errno;
	stop_hold(1);
	struct walk_buffer frames = {0};
	int outcome = work_at(__builtin_return_address(0), &frames);
	walk_finish(&frames);
	stop_hold(-1);
	errno = saved;
	return outcome;
}
