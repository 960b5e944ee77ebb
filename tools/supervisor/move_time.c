/* move_time: how long each step of a hand-over took, for whoever wants to know why the program stood still for so long. */
#include "move.h"

#include <time.h>

int64_t move_now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void move_time_begin(struct move_time *t, enum handover_action action)
{
	double at = now();
	if (t->doing != HANDOVER_NOTHING)
		t->took[t->doing] += at - t->since;
	t->doing = action;
	t->since = at;
	t->begun |= 1U << action;
}

json_t *move_time_json(const struct move_time *t)
{
	json_t *steps = json_object();
	for (int a = HANDOVER_PLAN; a < HANDOVER_REPORT; a++)
		if ((t->begun & 1U << a) != 0) {
			double under_way = (int)t->doing == a ? now() - t->since : 0;
			(void)json_object_set_new(steps, handover_action_name((enum handover_action)a),
				json_real(t->took[a] + under_way));
		}
	return steps;
}
