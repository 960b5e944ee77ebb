/* mishap: what a supervisor does at a fault point that tells it to kill or to cut. */
#include "move.h"
#include "parts.h"

#include <signal.h>
#include <stdlib.h>

/* Whose program, agent or connection it is. */
static struct remote *whose(const struct supervisor *s, enum fault_place side)
{
	if (s->move != NULL)
		return side == FAULT_TARGET ? s->move->target : s->move->source;
	return s->station_count > 0 ? s->stations[s->station_count - 1].remote : NULL;
}

static void carry_out(void *context, const struct fault *f)
{
	struct remote *r = whose(context, f->side);
	if (f->action == FAULT_KILL_SUPERVISOR)
		(void)raise(SIGKILL);
	else if (r == NULL)
		return;
	else if (f->action == FAULT_KILL_PROGRAM)
		remote_request(r, "signal", json_pack("{s:i}", "number", SIGKILL), NULL, NULL);
	else if (f->action == FAULT_KILL_AGENT)
		remote_request(r, "die", NULL, NULL, NULL);
	else if (f->action == FAULT_CUT)
		remote_cut(r);
}

bool move_fault(const char *point)
{
	return fault_meet(point) < 0;
}

int mishap_setup(struct supervisor *s)
{
	const char *fault = getenv("PMIG_FAULT");
	if (fault == NULL)
		return 0;
	fault_setup(fault);
	fault_carry_out(carry_out, s, NULL);
	return fault_check(fault);
}
