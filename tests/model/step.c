/* step: transport/handover.c for the model: the same code that the supervisor runs, not a copy of it in another language. */
#include "step.h"
#include "names.h"
#include "transport/handover.h"

#define SAME(name) _Static_assert((int)name == (int)HANDOVER_##name, "names.h: " #name)
SAME(PLAN);
SAME(PREPARE);
SAME(FREEZE);
SAME(SHIP);
SAME(RESTORE);
SAME(PROMISE);
SAME(CLAIM);
SAME(ACTIVATE);
SAME(RELEASE);
SAME(BAR);
SAME(UNRESTORE);
SAME(GO_ON);
SAME(FORGET);
SAME(REPORT);
SAME(START);
SAME(DONE);
SAME(FAILED);
SAME(LOST);
SAME(BARRED);
SAME(OWNED);
SAME(GONE);
SAME(CANCEL);
SAME(MOVED);
SAME(STAYED);
SAME(ENDED);
SAME(WAITS);

/* Every member of struct handover, in turn, so that nothing of it is forgotten between two steps. */
static int pack(const struct handover *h)
{
	return h->row | h->back << 4 | h->gone << 5 | h->durable << 6 | h->barred << 7 | h->again << 8 | h->started << 9 |
		(int)h->doing << 10 | (int)h->outcome << 14 | h->decided << 17;
}

static struct handover unpack(int packed)
{
	return (struct handover){.row = packed & 15,
		.back = packed >> 4 & 1,
		.gone = packed >> 5 & 1,
		.durable = packed >> 6 & 1,
		.barred = packed >> 7 & 1,
		.again = packed >> 8 & 1,
		.started = packed >> 9 & 1,
		.doing = (enum handover_action)(packed >> 10 & 15),
		.outcome = (enum handover_outcome)(packed >> 14 & 7),
		.decided = packed >> 17 & 1};
}

int step_next(int packed, int event, unsigned char *ret_doing, unsigned char *ret_back, unsigned char *ret_outcome)
{
	struct handover h = unpack(packed);
	if (event == GONE && (h.gone || h.doing == HANDOVER_RELEASE))
		event = FAILED; /* as move.c tells it when the source answers so */
	(void)handover_step(&h, (enum handover_event)event);
	*ret_doing = (unsigned char)h.doing;
	*ret_back = h.back;
	*ret_outcome = (unsigned char)h.outcome;
	return pack(&h);
}

int step_resume(unsigned char *ret_doing)
{
	struct handover h;
	*ret_doing = (unsigned char)handover_resume(&h, false);
	return pack(&h);
}

int step_revive(unsigned char *ret_doing)
{
	struct handover h;
	*ret_doing = (unsigned char)handover_revive(&h);
	return pack(&h);
}

int step_durable(int packed, bool durable)
{
	struct handover h = unpack(packed);
	h.durable = durable;
	return pack(&h);
}
