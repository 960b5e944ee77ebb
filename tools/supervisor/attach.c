/* attach: takes up a program that has no supervisor, or takes it over: where it is, and what was left in the middle. */
#include "fence.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* `pmig recover`: it was killed where it had come to, and what it came with is still there, or may be. */
static bool has_image(const struct supervisor *s, const struct pmig_process_row *row, const struct pmig_handover_row *h)
{
	char path[PATH_MAX];
	if (!s->options->recover || row->exit_status <= 128 || h == NULL || h->state != PMIG_HANDOVER_DONE)
		return false;
	(void)snprintf(path, sizeof path, "%s/image/%s.%llu", s->options->state, s->uuid, (unsigned long long)h->epoch);
	return strcmp(h->target, s->home) != 0 || access(path, R_OK) == 0;
}

bool attach_has_agent(const struct supervisor *s, const char *uuid)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/run/%s.lock", s->options->state, uuid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool has = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
	if (fd >= 0)
		(void)close(fd);
	return has;
}

int attach_prepare(struct supervisor *s)
{
	struct pmig_process_row *row;
	struct pmig_handover_row *h = NULL;
	int r = s->store->process_get(s->store, s->options->name, &row);
	if (r == PMIG_ENOENT)
		return error_set(r, "there is no program \"%s\" here; `pmig ps -a` shows all", s->options->name);
	if (r < 0)
		return r;
	(void)snprintf(s->uuid, sizeof s->uuid, "%s", row->uuid);
	(void)snprintf(s->name, sizeof s->name, "%s", row->name);
	(void)snprintf(s->path, sizeof s->path, "%s", row->program);
	s->epoch = row->epoch;
	s->started = s->migrates = true;
	const char *where = "home";
	r = s->store->handover_get(s->store, s->uuid, &h);
	bool open = r >= 0 && (h->state == PMIG_HANDOVER_OPEN || h->state == PMIG_HANDOVER_DOUBT);
	if (r >= 0)
		where = h->state == PMIG_HANDOVER_DONE ? h->target : h->source;
	if (r >= 0 && h->epoch > s->epoch && h->state == PMIG_HANDOVER_DONE)
		s->epoch = h->epoch;
	if (r >= 0)
		s->tried = h->epoch;
	r = r == PMIG_ENOENT ? 0 : r;
	/* If it ended while nobody was attached, its agent keeps its last output and its status for who asks. */
	if (r >= 0 && row->state == PMIG_PROCESS_ENDED && !open && !attach_has_agent(s, s->uuid) && !has_image(s, row, h)) {
		s->exit_status = (int)row->exit_status;
		s->only_fences = s->options->recover && !s->options->here && fence_is_due(s);
		if (!s->only_fences)
			r = error_set(PMIG_EGONE, "%s has ended with status %lld", s->name, (long long)row->exit_status);
	}
	if (r >= 0 && s->options->here && !open)
		r = error_set(PMIG_EREFUSED, "%s: nothing is in doubt, so there is nothing to decide", s->name);
	if (r >= 0)
		r = supervisor_remote(s, where, 0, &s->stations[0].remote);
	if (r >= 0)
		s->station_count = 1;
	if (open) {
		s->open = h;
		h = NULL;
	}
	free(h);
	free(row);
	return r < 0 ? r : 0;
}

int attach_begin(struct supervisor *s)
{
	struct pmig_handover_row *h = s->open;
	s->open = NULL;
	int r = h != NULL ? move_resume(s, h) : 0;
	if (r >= 0)
		r = fence_open(s);
	free(h);
	return r;
}
