/* stop: the slow path of a safe point. A request of the agent, or of the test mode, is one for all threads: each that comes here
 * stands still, and the last to come does the work for all. */
#include "stop.h"

#include "arena/lock.h"
#include "block.h"
#include "checkpoint.h"
#include "children.h"
#include "control_channel.h"
#include "every.h"
#include "frame/jump.h"
#include "frame/program.h"
#include "frame/resume.h"
#include "frame/walk.h"
#include "handler.h"
#include "own_stack.h"
#include "resource/resource.h"
#include "thread.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define RED_ZONE 4096         /* bytes of the frame stack above its pointer that what was interrupted may be using */
#define TEST_SECONDS 20       /* the test mode waits that long for all threads */
#define AGAIN_NS (200 * 1000) /* several threads stand still at most that often for a request that has to wait */
#define WHERE_MAX (CONTROL_TEXT_MAX - 1)

__thread char *pmig_frame_sp;

static __thread int held;

/* Under thread_lock(), but for what is read ahead of it. */
static struct {
	_Atomic bool wanted; /* all threads are to stand still */
	int image;           /* for this request; -1: it is the test mode's */
	int plan;            /* what was decided for it; -1: nothing */
	bool freeze, told, cancelled, poked, working;
	struct timespec tried; /* when all stood still for a request that has to wait */

	_Atomic uint32_t changed; /* futex: grows whenever something below has */
	uint32_t round;           /* grows when those who stand still go on */
	unsigned standing;
	int outcome;                                   /* of the last round */
	struct walk_buffer *frames[ARENA_THREADS_MAX]; /* of those who stand still */
} stop = {.image = -1, .plan = -1};

/* Other threads set them too: thread.c. */
static void set_flag(volatile int *flag, int value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELAXED);
}

void stop_hold(int delta)
{
	held += delta;
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

static int64_t elapsed_ns(const struct timespec *since)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000000000ll + now.tv_nsec - since->tv_nsec;
}

static void change(void)
{
	atomic_fetch_add(&stop.changed, 1);
	(void)syscall(SYS_futex, &stop.changed, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

int stop_wanted(void)
{
	return stop.wanted || every_on();
}

void stop_thread_ended(void)
{
	change();
}

void stop_forked(void)
{
	every_leave();
	set_flag(&pmig_poll, 0); /* what is under way is the parent's */
	set_flag(&pmig_asked, 0);
	stop.wanted = stop.working = stop.poked = stop.cancelled = false;
	stop.standing = 0;
}

static bool goes_on(const struct arena_thread *t)
{
	return thread_state(t)->life == THREAD_RUNS && stop.frames[t->index] == NULL;
}

/* Threads that stand still already have nothing to hear. */
static void poke(void)
{
	if (!stop.poked)
		thread_poke_others(goes_on);
	stop.poked = true;
}

/* Those who stand still go on. */
static void end_round(int outcome)
{
	stop.outcome = outcome;
	stop.round++;
	stop.standing = 0;
	stop.working = stop.poked = false;
	(void)memset(stop.frames, 0, sizeof stop.frames);
	change();
}

static void close_request(void)
{
	if (stop.image >= 0)
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

static void take_request(const struct control_message *m, int image)
{
	if (stop.image >= 0)
		(void)close(stop.image);
	stop.image = image;
	if ((m->args[0] & CONTROL_PLANNED) == 0)
		keep_plan(-1);
	stop.freeze = (m->args[0] & CONTROL_FREEZE) != 0;
	children_wait((m->args[0] & CONTROL_WAIT_CHILDREN) != 0);
	stop.told = false;
	stop.wanted = true;
	poke();
}

/* Where the threads are that have not come. `context`: of the signal that interrupted this one; NULL: it is at a safe point. */
static void say_where(void *context)
{
	static char where[512], others[WHERE_MAX - 600], all[WHERE_MAX];
	const int64_t wrote[8] = {pmig_program.placed == 0};
	bool alone = pmig_thread_count() == 1;
	where[0] = '\0';
	if (context != NULL && pmig_thread != NULL && goes_on(pmig_thread))
		walk_describe(context, where, sizeof where);
	if (alone) {
		(void)control_send(CONTROL_WHERE, wrote, context != NULL ? where : "at a safe point");
		return;
	}
	char name[64];
	thread_describe_others(goes_on, others, sizeof others);
	if (where[0] != '\0') {
		thread_name(pmig_thread, name, sizeof name);
		(void)snprintf(all, sizeof all, "in %s, %s%s%s", name, where, others[0] != '\0' ? "; " : "", others);
	} else {
		(void)snprintf(all, sizeof all, "%s", others[0] != '\0' ? others : "at a safe point");
	}
	(void)control_send(CONTROL_WHERE, wrote, all);
}

/* One message, under the lock. True: the request was withdrawn, and the agent wants to know where threads are. */
static bool take_message(const struct control_message *m, int fd)
{
	if (m->type == CONTROL_PLAN && fd >= 0) {
		keep_plan(fd);
		return false;
	}
	if (m->type == CONTROL_CHECKPOINT && fd >= 0) {
		take_request(m, fd);
		return false;
	}
	if (fd >= 0)
		(void)close(fd);
	if (m->type != CONTROL_CANCEL || stop.image < 0)
		return false;
	stop.wanted = false; /* nobody stands still any more because of it; those who do wait for the next round */
	stop.cancelled = true;
	return true;
}

/* What the agent has said meanwhile. `context`: of the signal that interrupted the thread; NULL at a safe point. A safe point that
 * is being worked on reads for itself. */
static void read_requests(void *context)
{
	struct control_message m;
	sigset_t mask;
	int fd = -1;
	thread_lock(&mask);
	while (!stop.working && !stop.cancelled && control_request(&m, &fd) > 0) {
		if (!take_message(&m, fd))
			continue;
		bool asked = m.args[0] != 0;
		thread_unlock(&mask);
		if (asked)
			say_where(context);
		else
			(void)control_send(CONTROL_WHERE, NULL, "at a safe point");
		thread_lock(&mask);
		close_request();
		stop.cancelled = false;
		end_round(0);
	}
	thread_unlock(&mask);
}

/* PTHREAD_CANCEL_ASYNCHRONOUS: it ends here, wherever that is, with its cleanup handlers; what POSIX allows it to be doing then
 * holds no lock. Above its frames, like a handler of the program. */
static bool is_cancelled(void)
{
	const struct thread *s = pmig_thread != NULL && held == 0 ? thread_state(pmig_thread) : NULL;
	return s != NULL && s->cancelled != NULL &&
		(atomic_load(&s->cancel) & THREAD_CANCEL_ALL) == (THREAD_CANCEL_ASKED | THREAD_CANCEL_ANY_TIME);
}

static void end_if_cancelled(const void *context)
{
	if (!is_cancelled())
		return;
	pmig_frame_sp += RED_ZONE;
	(void)pthread_sigmask(SIG_SETMASK, &((const ucontext_t *)context)->uc_sigmask, NULL);
	thread_state(pmig_thread)->cancelled();
}

void stop_missed(void)
{
	if (is_cancelled())
		(void)raise(CONTROL_SIGNAL);
}

struct heard {
	void *context;
	bool any;
};

/* The request is read here and not at the safe point alone: that point may never come, and CANCEL asks where the program is
 * instead. */
static void hear(void *of)
{
	struct heard *h = of;
	thread_describe_self(h->context);
	if (held == 0 && control_pending()) {
		h->any = true;
		read_requests(h->context);
	}
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	int saved = errno;
	struct heard heard = {.context = context};
	unsigned level = error_enter();
	bool ours = stop.wanted || __atomic_load_n(&pmig_asked, __ATOMIC_RELAXED) != 0;
	own_stack_call(hear, &heard);
	error_leave(level);
	if (!ours && !heard.any)
		handler_control(info, context);
	set_flag(&pmig_poll, 1);
	set_flag(&pmig_asked, 1);
	block_interrupt(context);
	errno = saved;
	end_if_cancelled(context);
}

void stop_start(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_RESTART | SA_SIGINFO | SA_ONSTACK};
	(void)sigfillset(&action.sa_mask); /* the handler takes thread_lock() */
	(void)sigaction(CONTROL_SIGNAL, &action, NULL);
	if (control_pending()) { /* nobody heard the signal for it */
		set_flag(&pmig_poll, 1);
		set_flag(&pmig_asked, 1);
	}
	walk_start();
	jump_start();
}

/* Not at this point: the poll flag stays set, the agent hears the reason once. */
static int try_later(void)
{
	set_flag(&pmig_poll, 1);
	if (!stop.told && stop.image >= 0) {
		char name[64] = "";
		bool alone = pmig_thread_count() == 1;
		if (!alone)
			thread_name(pmig_thread, name, sizeof name);
		if (!alone)
			(void)error_prefix(PMIG_EFOREIGN, "%s", name);
		(void)control_send(CONTROL_NOT_HERE, NULL, pmig_reason());
	}
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
	handler_unpark();
	enum pmig_outcome outcome = m.args[0] == PMIG_FAILED ? PMIG_FAILED : PMIG_CONTINUED;
	stop_tell(outcome, host_name(), m.text);
	return outcome;
}

/* All stand still. Returns the outcome; 0: the request waits for a better time. The hooks see signals as the program has them. */
static int take_checkpoint(void)
{
	struct checkpoint_result result;
	struct timespec begin;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	int r = thread_alone();
	if (r >= 0) {
		stop_hold(1);
		handler_unpark();
		r = resource_prepare();
		handler_park();
		stop_hold(-1);
	}
	if (r == PMIG_EBUSY)
		return try_later();
	int plan = stop.plan;
	stop.plan = -1;
	if (r >= 0)
		r = resource_plan(plan);
	if (r >= 0)
		r = checkpoint_write(stop.image, stop.frames, &result);
	close_request();
	stop.wanted = false;
	if (r < 0) {
		char reason[PMIG_REASON_MAX];
		(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
		(void)control_send(CONTROL_FAILED, (const int64_t[8]){r}, reason);
		handler_unpark();
		stop_tell(PMIG_FAILED, host_name(), reason);
		return PMIG_FAILED;
	}
	const int64_t args[8] = {(int64_t)result.bytes, (int64_t)result.frames, elapsed_ns(&begin)};
	(void)control_send(stop.freeze ? CONTROL_FROZEN : CONTROL_SAVED, args, "");
	if (stop.freeze)
		return wait_for_verdict();
	resource_continue();
	handler_unpark();
	stop_tell(PMIG_CONTINUED, host_name(), "");
	return PMIG_CONTINUED;
}

/* By the last one that came, without the lock: nobody else is there to take it. */
static int work(void)
{
	if (stop.image >= 0)
		return take_checkpoint();
	every_restore(stop.frames);
	stop.wanted = false;
	return 0;
}

/* The test mode has nobody who would say that it takes too long. */
static void wait_for_change(uint32_t seen)
{
	const struct timespec limit = {.tv_sec = TEST_SECONDS};
	if (syscall(SYS_futex, &stop.changed, FUTEX_WAIT_PRIVATE, seen, every_on() ? &limit : NULL, NULL, 0) == 0 ||
		errno != ETIMEDOUT)
		return;
	char where[WHERE_MAX], why[WHERE_MAX + 64];
	thread_describe_others(goes_on, where, sizeof where);
	(void)snprintf(why, sizeof why, "these did not come to a safe point: %s", where);
	every_fail(why);
}

/* Under the lock, which it opens meanwhile: until all stand still and the work is done. */
static int wait_for_all(sigset_t *mask)
{
	uint32_t round = stop.round;
	while (stop.round == round) {
		if (stop.wanted && !stop.working && stop.standing == pmig_thread_count()) {
			stop.working = true;
			thread_unlock(mask);
			int outcome = work();
			handler_park();
			thread_lock(mask);
			end_round(outcome);
			if (stop.wanted)
				(void)clock_gettime(CLOCK_MONOTONIC, &stop.tried);
		} else {
			uint32_t seen = atomic_load(&stop.changed);
			thread_unlock(mask);
			wait_for_change(seen);
			thread_lock(mask);
		}
	}
	return stop.outcome;
}

/* Stands still with the calling thread, whose frames these are. */
static int stand_still(struct walk_buffer *frames, int error)
{
	sigset_t mask;
	int outcome = 0;
	handler_park();
	thread_put_down(error);
	thread_lock(&mask);
	if (stop.wanted) {
		stop.frames[pmig_thread->index] = frames;
		stop.standing++;
		poke();
		change();
		outcome = wait_for_all(&mask);
	}
	set_flag(&pmig_poll, stop_wanted() || control_pending()); /* another request may have come meanwhile */
	thread_unlock(&mask);
	handler_unpark();
	return outcome;
}

static bool is_due(void)
{
	sigset_t mask;
	if (stop.wanted)
		return true;
	if (!every_due())
		return false;
	thread_lock(&mask);
	if (!stop.wanted) {
		stop.wanted = true;
		poke();
	}
	thread_unlock(&mask);
	return stop.wanted;
}

static bool is_wanted(void)
{
	if (every_on())
		return is_due();
	set_flag(&pmig_poll, 0);
	set_flag(&pmig_asked, 0); /* after the other: who is asked has a safe point to answer at */
	resource_tell();
	if (control_pending())
		read_requests(NULL);
	return stop.wanted;
}

/* What was captured before and has not been resumed yet. */
static int append_pending(struct walk_buffer *frames)
{
	const void *rest;
	size_t size;
	uint64_t count;
	resume_pending(&rest, &size, &count);
	return walk_append(frames, rest, size, count);
}

static int work_at(const void *from, int error)
{
	struct walk_buffer frames = {0};
	if (!is_wanted())
		return 0;
	if (pmig_thread_count() > 1 && elapsed_ns(&stop.tried) < AGAIN_NS) {
		set_flag(&pmig_poll, 1);
		return 0;
	}
	int r = walk_stack(from, &frames);
	if (r >= 0)
		r = append_pending(&frames);
	int outcome = r < 0 ? try_later() : stand_still(&frames, error);
	walk_finish(&frames);
	return outcome;
}

__attribute__((noinline)) int pmig_stop(void)
{
	set_flag(&pmig_asked, 0);
	if (held != 0)
		return 0;
	if (pmig_thread == NULL || thread_state(pmig_thread)->life != THREAD_RUNS) { /* a library's thread */
		set_flag(&pmig_poll, 0);
		return 0;
	}
	int saved = errno;
	stop_hold(1);
	int outcome = work_at(__builtin_return_address(0), saved);
	stop_hold(-1);
	stop_missed();
	errno = saved;
	if (outcome == 0)
		outcome = pmig_news; /* of a stop in a call that waited */
	pmig_news = 0;
	return outcome;
}
