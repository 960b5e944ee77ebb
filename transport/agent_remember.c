/* agent_remember: what an agent finds when it starts: an earlier one may have been killed, and its program with it. */
#include "agent_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GRACE_MS 10000

/* Whether process `pid` is ours: its first environment says so. */
static bool carries(const struct agent *a, pid_t pid)
{
	char path[64], text[65536], mark[PMIG_UUID_LENGTH + 16];
	(void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	int length = snprintf(mark, sizeof mark, "PMIG_UUID=%s", a->options->uuid) + 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size_t kept = 0; /* the end of the last piece, since the mark may be cut in two */
	ssize_t n;
	bool found = false;
	while (!found && (n = read(fd, text + kept, sizeof text - kept)) > 0) {
		size_t size = kept + (size_t)n;
		found = memmem(text, size, mark, (size_t)length) != NULL;
		kept = size < (size_t)length ? size : (size_t)length;
		memmove(text, text + size - kept, kept);
	}
	(void)close(fd);
	return found;
}

/* The program of a killed agent gets SIGKILL from the kernel; this waits until it has happened, and makes sure. */
static int outlive(struct agent *a, pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return errno == ESRCH ? 0 : error_errno(PMIG_EIO, errno, "agent: process %d", (int)pid);
	int r = 0;
	if (carries(a, pid)) {
		(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, GRACE_MS) != 1)
			r = error_set(PMIG_EBUSY, "agent: %s (process %d) does not end", a->name, (int)pid);
	}
	(void)close(fd);
	return r;
}

struct search {
	struct agent *agent;
	bool activated;
};

static int see_step(void *context, const struct pmig_step_row *row)
{
	struct search *s = context;
	if (strcmp(row->step, "activate") == 0 && row->phase == PMIG_STEP_BEGIN)
		s->activated = true;
	return 0;
}

/* A hand-over that was under way: a source that has promised, or a target that has claimed. */
static int resume_handover(struct agent *a, const struct pmig_process_row *row, const struct pmig_owner *owner)
{
	struct pmig_handover_row *h;
	int r = a->store->handover_get(a->store, a->options->uuid, &h);
	if (r == PMIG_ENOENT)
		return 0;
	if (r < 0)
		return r;
	struct search s = {.agent = a};
	r = a->store->step_list(a->store, h->id, see_step, &s);
	bool here = owner->epoch == h->epoch && strcmp(owner->host, h->target) == 0;
	bool open = h->state == PMIG_HANDOVER_OPEN || h->state == PMIG_HANDOVER_DOUBT;
	if (open)
		(void)snprintf(a->handover, sizeof a->handover, "%s", h->id);
	agent_image_path(a, h->epoch, "", a->image);
	if (row->state == PMIG_PROCESS_STARTING || row->state == PMIG_PROCESS_STORED ||
		s.activated) { /* the target's side */
		a->epoch = h->epoch;
		if (here)
			a->claimed = h->epoch;
		(void)snprintf(a->host, sizeof a->host, "%s", h->target);
	} else if (here && open) { /* the source's side */
		a->promised = h->epoch;
		(void)snprintf(a->host, sizeof a->host, "%s", h->source);
	}
	if (here && open && s.activated && a->claimed != 0)
		a->state = AGENT_ENDED; /* it may have run: it is not begun a second time without being asked */
	free(h);
	return r < 0 ? r : 0;
}

int agent_remember(struct agent *a)
{
	struct pmig_process_row *row;
	struct pmig_owner owner;
	int r = a->store->process_get(a->store, a->options->uuid, &row);
	if (r == PMIG_ENOENT)
		return 0;
	if (r >= 0)
		r = a->store->owner_get(a->store, a->options->uuid, &owner);
	if (r < 0)
		return r;
	(void)snprintf(a->name, sizeof a->name, "%s", row->name);
	(void)snprintf(a->home, sizeof a->home, "%s", row->home);
	a->epoch = row->epoch;
	if (row->pid > 0)
		r = outlive(a, (pid_t)row->pid);
	bool ran = row->state == PMIG_PROCESS_RUNNING || row->state == PMIG_PROCESS_FROZEN ||
		row->state == PMIG_PROCESS_DOUBT;
	if (r >= 0)
		r = resume_handover(a, row, &owner);
	if (r >= 0 && (ran || a->state == AGENT_ENDED || row->state == PMIG_PROCESS_ENDED)) {
		a->exit_status = row->state == PMIG_PROCESS_ENDED ? (int)row->exit_status : 128 + SIGKILL;
		r = agent_set_state(a, AGENT_ENDED, PMIG_PROCESS_ENDED);
	}
	free(row);
	return r;
}
