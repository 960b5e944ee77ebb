/* farewell: agents that were told to end; nobody leaves before they have answered. */
#include "channels.h"

#include <stdlib.h>

/* An agent that was told to end and has not answered. */
struct farewell {
	struct supervisor *supervisor;
	struct remote *remote;
	struct farewell *next;
};

static void forget_farewell(struct farewell *f)
{
	struct farewell **at = &f->supervisor->farewells;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	free(f);
}

static void on_farewell(void *context, int code, const json_t *answer)
{
	(void)code;
	(void)answer;
	struct farewell *f = context;
	struct supervisor *s = f->supervisor;
	supervisor_bury(s, f->remote);
	forget_farewell(f);
	supervisor_over(s);
}

void supervisor_over(struct supervisor *s)
{
	if (s->said_end && s->farewells == NULL && s->fences == NULL)
		supervisor_stop(s, s->exit_status);
}

void supervisor_dismiss(struct supervisor *s, struct remote *r)
{
	if (channels_keep(s, r))
		return;
	struct farewell *f = remote_is_up(r) ? malloc(sizeof *f) : NULL;
	if (f == NULL) {
		supervisor_bury(s, r);
		return;
	}
	*f = (struct farewell){s, r, s->farewells};
	s->farewells = f;
	remote_request(r, "end", json_pack("{s:b}", "all", 1), on_farewell, f);
}

void farewell_close(struct supervisor *s)
{
	for (struct farewell *f = s->farewells, *next; f != NULL; f = next) {
		next = f->next;
		remote_destroy(f->remote); /* its link has a thread, which must not outlive main() */
		free(f);
	}
}
