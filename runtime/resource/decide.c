/* decide: the strategy table and its interpreter. */
#include "decide.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CHOICES 4

/* A choice with its condition. */
struct choice {
	enum pmig_strategy strategy;
	unsigned consent; /* all of these must have been declared */
};

struct cell {
	enum pmig_binding binding;
	enum pmig_attachment attachment;
	struct choice alone[CHOICES];  /* nobody else uses it */
	struct choice shared[CHOICES]; /* somebody does */
};

#define MV {PMIG_MOVE, 0}
#define CP {PMIG_COPY, 0}
#define GR {PMIG_REFER, 0}
#define RB {PMIG_REBIND, 0}
#define CP_DIVERGES {PMIG_COPY, PMIG_DIVERGENCE} /* a copy of something shared goes its own way from then on */
#define CP_SNAPSHOT {PMIG_COPY, PMIG_SNAPSHOT}   /* instead of distributed shared memory */

static const struct cell cells[] = {
	{PMIG_BY_IDENTIFIER, PMIG_UNATTACHED, {MV, GR}, {GR}},
	{PMIG_BY_IDENTIFIER, PMIG_FASTENED, {GR, MV}, {GR}},
	{PMIG_BY_IDENTIFIER, PMIG_FIXED, {GR}, {GR}},
	{PMIG_BY_VALUE, PMIG_UNATTACHED, {CP, MV, GR}, {GR, CP_DIVERGES}},
	{PMIG_BY_VALUE, PMIG_FASTENED, {RB, CP, GR}, {RB, GR, CP_DIVERGES}},
	{PMIG_BY_VALUE, PMIG_FIXED, {CP_SNAPSHOT}, {CP_SNAPSHOT}},
	{PMIG_BY_TYPE, PMIG_UNATTACHED, {RB, MV, CP, GR}, {RB, GR, CP_DIVERGES}},
	{PMIG_BY_TYPE, PMIG_FASTENED, {RB, GR, CP, MV}, {RB, GR, CP_DIVERGES}},
	{PMIG_BY_TYPE, PMIG_FIXED, {RB, GR}, {RB, GR}},
};

static const char *const bindings[] = {"?", "by identifier", "by value", "by type"};
static const char *const attachments[] = {"?", "unattached", "fastened", "fixed"};
static const char *const strategies[] = {"?", "move", "copy", "refer", "rebind", "refuse"};

static bool can(const struct pmig_kind *k, enum pmig_strategy s)
{
	switch (s) {
	case PMIG_MOVE:
		return k->move != NULL;
	case PMIG_COPY:
		return k->copy != NULL;
	case PMIG_REFER:
		return k->refer != NULL;
	case PMIG_REBIND:
		return k->rebind != NULL;
	case PMIG_REFUSE:
		return true;
	}
	return false;
}

static enum pmig_strategy refuse(const struct pmig_resource *r, bool wants_reference, char *why, size_t size)
{
	const struct pmig_declaration *d = &r->declaration;
	(void)snprintf(why, size, "%s (%s, %s%s%s%s): %s", r->kind->name, bindings[d->binding], attachments[d->attachment],
		r->declared ? "" : ", undeclared", r->shared && r->shared_with[0] ? ", shared with " : "",
		r->shared ? r->shared_with : "",
		wants_reference ? "it would need a reference, which this version does not make"
				: "its kind has no operation for any strategy that is allowed");
	return PMIG_REFUSE;
}

enum pmig_strategy decide_strategy(const struct pmig_resource *r, char *why, size_t size)
{
	const struct pmig_declaration *d = &r->declaration;
	if (d->strategy >= PMIG_MOVE && d->strategy <= PMIG_REFUSE) {
		bool able = can(r->kind, d->strategy);
		(void)snprintf(why, size, "declared: %s%s%s", strategies[d->strategy],
			able ? "" : ", which is impossible for a ", able ? "" : r->kind->name);
		return able ? d->strategy : PMIG_REFUSE;
	}
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		if (cells[i].binding != d->binding || cells[i].attachment != d->attachment)
			continue;
		const struct choice *choices = r->shared || d->shared ? cells[i].shared : cells[i].alone;
		bool wants_reference = false;
		for (size_t k = 0; k < CHOICES && choices[k].strategy != 0; k++) {
			if ((d->consent & choices[k].consent) != choices[k].consent)
				continue;
			if (can(r->kind, choices[k].strategy)) {
				(void)snprintf(why, size, "%s, %s%s: %s", bindings[d->binding], attachments[d->attachment],
					r->declared ? "" : ", undeclared", strategies[choices[k].strategy]);
				return choices[k].strategy;
			}
			wants_reference |= choices[k].strategy == PMIG_REFER;
		}
		return refuse(r, wants_reference, why, size);
	}
	(void)snprintf(why, size, "%s: binding or attachment is not set", r->kind->name);
	return PMIG_REFUSE;
}
