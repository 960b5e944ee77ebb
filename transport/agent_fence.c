/* agent_fence: the request "fence": while this host could not be reached, a person decided that the program goes on at another one, for a
 * later epoch. What came of the older one here is ended, and does not begin again. */
#include "agent_parts.h"

#include <signal.h>
#include <string.h>

static int see_step(void *context, const struct pmig_step_row *row)
{
	bool *ran = context;
	*ran |= strcmp(row->step, "activate") == 0 && row->phase == PMIG_STEP_BEGIN;
	return 0;
}

/* Nothing of it is running any more. */
static void clear(struct agent *a, uint64_t given_up)
{
	if (a->state != AGENT_EMPTY)
		agent_reference_lose(a);
	agent_stdio_destroy(a->io); /* what it wrote here is not asked for */
	a->io = NULL;
	a->state = AGENT_EMPTY;
	a->promised = a->claimed = 0;
	agent_remove_files(a, given_up);
	agent_journal_end(a, PMIG_HANDOVER_UNDONE, "it was given up while this host could not be reached");
	if (strcmp(a->home, a->host) == 0)
		(void)a->store->process_set(a->store, a->options->uuid, PMIG_PROCESS_AWAY, 0, -1);
	else
		(void)a->store->process_drop(a->store, a->options->uuid);
}

int agent_do_fence(struct agent *a, const json_t *request, json_t **ret_answer)
{
	uint64_t epoch = (uint64_t)agent_number(request, "epoch", 0);
	const char *host = agent_text(request, "host"), *handover = agent_text(request, "handover");
	bool ran = false;
	if (*host == '\0' || strcmp(host, a->host) == 0)
		return error_set(PMIG_EPROTOCOL, "agent: a fence needs the other host that has the program");
	(void)a->store->step_list(a->store, handover, see_step, &ran);
	int r = a->store->owner_claim(a->store, a->options->uuid, epoch, host); /* durable before anything is ended */
	if (r < 0)
		return r;
	if (a->pid > 0) {
		a->state = AGENT_UNDOING;
		agent_program_kill(a, SIGKILL);
		return AGENT_LATER; /* asked again, it has nothing left to end */
	}
	clear(a, (uint64_t)agent_number(request, "given_up", 0));
	*ret_answer = json_pack("{s:b, s:b}", "fenced", 1, "ran", (int)ran);
	return 0;
}
