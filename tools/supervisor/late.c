/* late: a supervisor that was stopped, or cut off, while another one moved the program on, finds that out from the first agent that it
 * speaks with, and ends. One that has just attached may not know yet how far the program is: it waits for the agent where it runs, or
 * for the outcome of the hand-over that was left open. */
#include "channels_parts.h"

#include <string.h>

uint64_t late_knows(void *supervisor)
{
	const struct supervisor *s = supervisor;
	return s->epoch > s->tried ? s->epoch : s->tried;
}

uint64_t late_insists(void *supervisor)
{
	const struct supervisor *s = supervisor;
	return s->placed ? late_knows(supervisor) : 0;
}

static uint64_t heard(const struct remote *r)
{
	return remote_is_up(r) ? (uint64_t)json_integer_value(json_object_get(remote_facts(r), "heard")) : 0;
}

static bool is_over(struct supervisor *s, const struct remote *r, uint64_t epoch)
{
	if (epoch <= late_knows(s) || !s->placed || s->move != NULL || s->restart != NULL)
		return false;
	(void)error_set(PMIG_ESTALE,
		"%s has heard of epoch %llu, here epoch %llu is the last: another supervisor has moved it on; `pmig attach %s`"
		" finds it",
		remote_label(r), (unsigned long long)epoch, (unsigned long long)late_knows(s), s->name);
	s->replaced = true; /* it is not ours any more, nor is its socket */
	supervisor_fail(s, SUPERVISOR_FAILED, s->name);
	return true;
}

bool late_found(struct supervisor *s, const struct remote *r)
{
	const json_t *facts = remote_facts(r);
	const char *owner = json_string_value(json_object_get(facts, "owner")),
		   *state = json_string_value(json_object_get(facts, "state"));
	bool here = owner == NULL || *owner == '\0' || strcmp(owner, remote_label(r)) == 0 || strcmp(owner, "image") == 0;
	bool gone = state != NULL && (strcmp(state, "empty") == 0 || strcmp(state, "ended") == 0);
	return !here && gone && is_over(s, r, (uint64_t)json_integer_value(json_object_get(facts, "owner_epoch")));
}

void late_event(struct supervisor *s, const struct remote *r, const json_t *event)
{
	(void)is_over(s, r, (uint64_t)json_integer_value(json_object_get(event, "heard")));
}

void late_check(struct supervisor *s)
{
	for (size_t i = 0; i < s->station_count; i++)
		if (is_over(s, s->stations[i].remote, heard(s->stations[i].remote)))
			return;
	for (struct kept *k = s->channels != NULL ? s->channels->kept : NULL; k != NULL; k = k->next) {
		if (is_over(s, k->remote, heard(k->remote)))
			return;
		bool ahead = heard(k->remote) > late_knows(s);
		if (k->ahead && !ahead)
			remote_cut(k->remote); /* it has refused what it was asked; its next hello says what it has */
		k->ahead = ahead;
	}
}
