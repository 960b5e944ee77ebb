/* job: a thread, and an eventfd that wakes the loop. */
#include "job.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct job {
	pthread_t thread;
	int fd;
	struct loop_source *source;
	int (*work)(void *context);
	void (*done)(void *context, int result);
	void *context;
	int result;
	char reason[PMIG_REASON_MAX];
};

static void *run(void *context)
{
	struct job *j = context;
	j->result = j->work(j->context);
	(void)snprintf(j->reason, sizeof j->reason, "%s", pmig_reason());
	uint64_t one = 1;
	(void)!write(j->fd, &one, sizeof one);
	return NULL;
}

static void finish(struct job *j)
{
	(void)pthread_join(j->thread, NULL);
	loop_remove(&j->source);
	(void)close(j->fd);
	free(j);
}

static void on_done(void *context, short events)
{
	(void)events;
	struct job *j = context;
	void (*done)(void *, int) = j->done;
	void *argument = j->context;
	int result = j->result;
	if (result < 0)
		(void)error_set(result, "%s", j->reason);
	finish(j);
	done(argument, result);
}

int job_start(struct loop *loop, int (*work)(void *context), void (*done)(void *context, int result), void *context,
	struct job **ret_job)
{
	struct job *j = calloc(1, sizeof *j);
	if (j == NULL)
		return error_set(PMIG_ENOMEM, "thread: out of memory");
	*j = (struct job){.work = work, .done = done, .context = context};
	j->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = j->fd < 0 ? error_errno(PMIG_EIO, errno, "thread") : loop_add(loop, j->fd, POLLIN, on_done, j, &j->source);
	int number = 0;
	if (r >= 0 && (number = pthread_create(&j->thread, NULL, run, j)) != 0)
		r = error_errno(PMIG_EIO, number, "thread");
	if (r < 0) {
		loop_remove(&j->source);
		if (j->fd >= 0)
			(void)close(j->fd);
		free(j);
		return r;
	}
	*ret_job = j;
	return 0;
}

void job_abandon(struct job *job)
{
	if (job != NULL)
		finish(job);
}
