/* handover: the table of steps against a model of two hosts and a network that loses answers. Every order of events that the
 * model allows is tried; in every state that is reached at most one copy may run, and every way must end. */
#include "transport/handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What is true, whether or not anybody knows it. */
struct world {
	struct handover h;
	enum handover_action doing;
	bool source_lives, source_frozen, promised;
	bool image, restored, claimed, barred, target_runs;
	bool late_claim; /* the message is still under way */
	bool cancelled;
	int losses; /* answers that may still be lost */
};

static uint64_t hash(const struct world *w)
{
	const unsigned char *bytes = (const void *)w;
	uint64_t h = 1469598103934665603u;
	for (size_t i = 0; i < sizeof *w; i++)
		h = (h ^ bytes[i]) * 1099511628211u;
	return h;
}

#define SEEN_MAX (1u << 20)
struct search {
	struct world *seen[SEEN_MAX];
	size_t count;
	unsigned outcomes[HANDOVER_WAITS + 1];
};

/* True if it was not known. */
static bool enter(struct search *s, const struct world *w)
{
	size_t i = hash(w) % SEEN_MAX;
	for (; s->seen[i] != NULL; i = (i + 1) % SEEN_MAX)
		if (memcmp(s->seen[i], w, sizeof *w) == 0)
			return false;
	s->seen[i] = malloc(sizeof *w);
	assert_non_null(s->seen[i]);
	*s->seen[i] = *w;
	assert_true(++s->count < SEEN_MAX / 2);
	return true;
}

static bool source_runs(const struct world *w)
{
	return w->source_lives && !w->source_frozen;
}

static void check(struct search *s, const struct world *w)
{
	assert_false(source_runs(w) && w->target_runs);
	assert_false(w->target_runs && !w->claimed);
	assert_false(source_runs(w) && w->claimed);
	assert_false(w->claimed && w->barred);
	if (w->doing != HANDOVER_REPORT)
		return;
	s->outcomes[w->h.outcome]++;
	switch (w->h.outcome) {
	case HANDOVER_MOVED:
		assert_true(w->target_runs && !w->source_lives);
		break;
	case HANDOVER_STAYED:
		assert_true(source_runs(w) && !w->target_runs && !w->claimed);
		break;
	case HANDOVER_ENDED:
		assert_true(!w->source_lives && !w->target_runs);
		break;
	case HANDOVER_WAITS:
		assert_true(!source_runs(w) && !w->target_runs && w->image);
		break;
	default:
		fail_msg("no outcome");
	}
}

/* The action takes effect. False: it cannot be done in this world. */
static bool take_effect(struct world *w)
{
	switch (w->doing) {
	case HANDOVER_FREEZE:
		w->source_frozen = w->source_lives;
		return w->source_lives;
	case HANDOVER_SHIP:
		w->image = true;
		return true;
	case HANDOVER_RESTORE:
		w->restored = w->image;
		return w->image;
	case HANDOVER_PROMISE:
		w->promised = true;
		return true;
	case HANDOVER_CLAIM:
		if (w->barred || !w->restored)
			return false;
		w->claimed = true;
		return true;
	case HANDOVER_ACTIVATE:
		assert_true(w->claimed);
		w->target_runs = true;
		return true;
	case HANDOVER_RELEASE:
		w->source_lives = false;
		return true;
	case HANDOVER_BAR:
		w->barred = !w->claimed;
		return true;
	case HANDOVER_UNRESTORE:
		w->restored = false;
		return !w->claimed;
	case HANDOVER_GO_ON:
		if (w->promised && !w->barred)
			return false; /* the source's own guard */
		w->source_frozen = false;
		return w->source_lives;
	case HANDOVER_FORGET:
		w->image = false;
		return true;
	default:
		return true;
	}
}

static void explore(struct search *s, const struct world *w);

static void with(struct search *s, struct world w, enum handover_event event)
{
	enum handover_action next = handover_step(&w.h, event);
	if (next != HANDOVER_NOTHING)
		w.doing = next;
	explore(s, &w);
}

static enum handover_event good_answer(const struct world *w)
{
	if (w->doing == HANDOVER_BAR)
		return w->claimed ? HANDOVER_OWNED : HANDOVER_BARRED;
	return w->doing == HANDOVER_GO_ON && !w->source_lives ? HANDOVER_GONE : HANDOVER_DONE;
}

static void explore(struct search *s, const struct world *w)
{
	check(s, w);
	if (w->doing == HANDOVER_REPORT || !enter(s, w))
		return;
	struct world next = *w;
	/* it is done and answered */
	bool done = take_effect(&next);
	if (done || (w->doing == HANDOVER_GO_ON && !w->source_lives))
		with(s, next, good_answer(&next));
	/* it fails, certainly; what was done before an answer was lost does not fail */
	if ((w->losses > 0 || !done) && !(w->doing == HANDOVER_ACTIVATE && w->target_runs)) {
		next = *w;
		next.losses -= next.losses > 0;
		with(s, next, HANDOVER_FAILED);
	}
	if (w->losses > 0) { /* the answer is lost, the message not; or the message, or it comes late */
		next = *w;
		next.losses--;
		struct world effect = next;
		if (take_effect(&effect))
			with(s, effect, HANDOVER_LOST);
		if (w->doing == HANDOVER_CLAIM)
			next.late_claim = true;
		with(s, next, HANDOVER_LOST);
	}
	if (w->late_claim) {
		next = *w;
		next.late_claim = false;
		if (!next.barred && next.restored)
			next.claimed = true;
		explore(s, &next);
	}
	if (w->source_lives) { /* somebody kills it */
		next = *w;
		next.source_lives = false;
		with(s, next, HANDOVER_GONE);
	}
	if (!w->cancelled) {
		next = *w;
		next.cancelled = true;
		with(s, next, HANDOVER_CANCEL);
	}
}

static void test_every_order(void **state)
{
	(void)state;
	struct search *s = calloc(1, sizeof *s);
	struct world w;
	assert_non_null(s);
	memset(&w, 0, sizeof w); /* padding too: worlds are compared as bytes */
	w.source_lives = true;
	w.losses = 4;
	w.doing = handover_step(&w.h, HANDOVER_START);
	explore(s, &w);
	assert_in_range(s->count, 300, 100000);
	for (int i = HANDOVER_MOVED; i <= HANDOVER_WAITS; i++)
		assert_true(s->outcomes[i] > 0);
	for (size_t i = 0; i < SEEN_MAX; i++)
		free(s->seen[i]);
	free(s);
}

static void test_straight(void **state)
{
	(void)state;
	static const enum handover_action order[] = {HANDOVER_PLAN, HANDOVER_PREPARE, HANDOVER_FREEZE, HANDOVER_SHIP,
		HANDOVER_RESTORE, HANDOVER_PROMISE, HANDOVER_CLAIM, HANDOVER_ACTIVATE, HANDOVER_RELEASE, HANDOVER_REPORT};
	struct handover h = {0};
	enum handover_event event = HANDOVER_START;
	for (size_t i = 0; i < sizeof order / sizeof *order; i++, event = HANDOVER_DONE)
		assert_int_equal(handover_step(&h, event), order[i]);
	assert_int_equal(h.outcome, HANDOVER_MOVED);
	assert_int_equal(handover_step(&h, HANDOVER_DONE), HANDOVER_NOTHING);
}

/* Runs forward to `until`, answers that with `event`, and compares what is done from then on. */
static void expect_after(enum handover_action until, enum handover_event event, const enum handover_action *order,
	size_t count, enum handover_outcome outcome)
{
	struct handover h = {0};
	enum handover_action a = handover_step(&h, HANDOVER_START);
	while (a != until)
		a = handover_step(&h, HANDOVER_DONE);
	a = handover_step(&h, event);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(a, order[i]);
		a = handover_step(&h, a == HANDOVER_BAR ? HANDOVER_BARRED : HANDOVER_DONE);
	}
	assert_int_equal(a, HANDOVER_REPORT);
	assert_int_equal(h.outcome, outcome);
}

/* A person may speak for the target only while it is asked who has the epoch, and then nothing more is asked of it. */
static void test_decided(void **state)
{
	(void)state;
	struct handover h = {0};
	assert_int_equal(handover_step(&h, HANDOVER_START), HANDOVER_PLAN);
	assert_int_equal(handover_step(&h, HANDOVER_DECIDED), HANDOVER_NOTHING);
	assert_int_equal(handover_resume(&h, false), HANDOVER_BAR);
	assert_int_equal(handover_step(&h, HANDOVER_LOST), HANDOVER_BAR);
	assert_int_equal(handover_step(&h, HANDOVER_DECIDED), HANDOVER_GO_ON);
	assert_int_equal(handover_step(&h, HANDOVER_LOST), HANDOVER_GO_ON);
	assert_int_equal(handover_step(&h, HANDOVER_DONE), HANDOVER_REPORT);
	assert_int_equal(h.outcome, HANDOVER_STAYED);
}

#define EXPECT(until, event, outcome, ...) \
	expect_after(until, event, (const enum handover_action[]){__VA_ARGS__}, \
		sizeof((enum handover_action[]){__VA_ARGS__}) / sizeof(enum handover_action), outcome)

static void test_undo_in_reverse(void **state)
{
	(void)state;
	EXPECT(HANDOVER_PREPARE, HANDOVER_FAILED, HANDOVER_STAYED, HANDOVER_FORGET);
	EXPECT(HANDOVER_FREEZE, HANDOVER_FAILED, HANDOVER_STAYED, HANDOVER_GO_ON, HANDOVER_FORGET);
	EXPECT(HANDOVER_SHIP, HANDOVER_CANCEL, HANDOVER_STAYED, HANDOVER_GO_ON, HANDOVER_FORGET);
	EXPECT(HANDOVER_RESTORE, HANDOVER_LOST, HANDOVER_STAYED, HANDOVER_UNRESTORE, HANDOVER_GO_ON, HANDOVER_FORGET);
	EXPECT(HANDOVER_PROMISE, HANDOVER_FAILED, HANDOVER_STAYED, HANDOVER_BAR, HANDOVER_UNRESTORE, HANDOVER_GO_ON,
		HANDOVER_FORGET);
	EXPECT(HANDOVER_CLAIM, HANDOVER_LOST, HANDOVER_STAYED, HANDOVER_BAR, HANDOVER_UNRESTORE, HANDOVER_GO_ON,
		HANDOVER_FORGET);
	EXPECT(HANDOVER_SHIP, HANDOVER_GONE, HANDOVER_ENDED, HANDOVER_FORGET);
}

static void test_the_owner_tries_twice(void **state)
{
	(void)state;
	EXPECT(HANDOVER_ACTIVATE, HANDOVER_FAILED, HANDOVER_MOVED, HANDOVER_ACTIVATE, HANDOVER_RELEASE);
	struct handover h = {0};
	enum handover_action a = handover_step(&h, HANDOVER_START);
	while (a != HANDOVER_ACTIVATE)
		a = handover_step(&h, HANDOVER_DONE);
	assert_int_equal(handover_step(&h, HANDOVER_LOST), HANDOVER_ACTIVATE); /* nobody knows: that is no try */
	assert_int_equal(handover_step(&h, HANDOVER_FAILED), HANDOVER_ACTIVATE);
	assert_int_equal(handover_step(&h, HANDOVER_FAILED), HANDOVER_RELEASE);
	assert_int_equal(handover_step(&h, HANDOVER_DONE), HANDOVER_REPORT);
	assert_int_equal(h.outcome, HANDOVER_WAITS);
}

static void test_in_doubt_asks_until_it_answers(void **state)
{
	(void)state;
	struct handover h = {0};
	enum handover_action a = handover_step(&h, HANDOVER_START);
	while (a != HANDOVER_CLAIM)
		a = handover_step(&h, HANDOVER_DONE);
	a = handover_step(&h, HANDOVER_LOST);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(a, HANDOVER_BAR);
		assert_true(handover_in_doubt(&h));
		a = handover_step(&h, HANDOVER_LOST);
	}
	assert_int_equal(handover_step(&h, HANDOVER_CANCEL), HANDOVER_NOTHING);
	assert_int_equal(handover_step(&h, HANDOVER_OWNED), HANDOVER_ACTIVATE);
}

static void test_names(void **state)
{
	(void)state;
	for (enum handover_action a = HANDOVER_NOTHING; a <= HANDOVER_REPORT; a++) {
		assert_true(strlen(handover_action_name(a)) > 0);
		assert_non_null(strchr("sth", handover_side(a)));
	}
	assert_string_equal(handover_step_name(HANDOVER_BAR), "commit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_straight),
		cmocka_unit_test(test_undo_in_reverse),
		cmocka_unit_test(test_the_owner_tries_twice),
		cmocka_unit_test(test_in_doubt_asks_until_it_answers),
		cmocka_unit_test(test_decided),
		cmocka_unit_test(test_every_order),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
