/* plan_rows: decisions written by hand, each with the rule of the design that it follows, in its words. test_plan.c holds the tables of the
 * program against them, test_plan_mutation.c every table that has one entry changed. */
#ifndef PMIG_TESTS_PLAN_ROWS_H
#define PMIG_TESTS_PLAN_ROWS_H

#include "plan_case.h"

enum { EQUAL = 1, HAS = 2, REACHED = 4, SHARED = 8, SECRET = 16, SHARERS = 32, DEAR = 64, NO_HOOK = 128 };
#define ID PMIG_BY_IDENTIFIER
#define VAL PMIG_BY_VALUE
#define TYPE PMIG_BY_TYPE
#define UN PMIG_UNATTACHED
#define FA PMIG_FASTENED
#define FI PMIG_FIXED
#define ALL (MV | CP | GR | RB)
#define BYTES (MV | CP)

/* The rules, as the design has them. */
#define ID_UN "by identifier, unattached: MV, GR - shared: GR"
#define ID_FA "by identifier, fastened: GR, MV - shared: GR"
#define ID_FI "by identifier, fixed: GR"
#define VAL_UN "by value, unattached: CP, MV, GR - shared: GR, CP(1)"
#define VAL_FA \
	"by value, fastened: RB(2), CP, GR (GR before CP when the bytes cost more than the reads) - shared: RB(2), GR, CP(1)"
#define VAL_FI \
	"by value, fixed: RF(3): a value that lives in shared memory would need distributed shared memory; refused by default; a " \
	"declaration may consent to a snapshot (CP)"
#define TYPE_UN "by type, unattached: RB, MV, CP, GR - shared: RB, GR, CP(1)"
#define TYPE_FA "by type, fastened: RB, GR, CP, MV - shared: RB, GR, CP(1)"
#define TYPE_FI "by type, fixed: RB, GR"
#define NOTE_1 \
	"(1) a copy of something shared diverges from then on: only with a warning in the plan and the declaration's consent"
#define NOTE_2 "(2) equal content found at the target (content hash, build id), whatever its path there"
#define CANNOT "which operations its kind has: a kind without move cannot be moved"
#define WINS "the first candidate of the cell that is possible and within the limits wins"
#define NONE "if none is, the move is refused before anything is frozen"
#define IS_KEPT "a reference that is global already is kept: GR at no cost, nothing is set up"
#define NEVER_REMOVED "what is on a shared file system is never removed at the source"
#define IS_SECRET \
	"a resource can be declared secret: its bytes never enter an image; the program gets a callback to obtain it anew"
#define MAY_BE_LOST "a declaration agrees to a loss: what cannot be carried is dropped"
#define IS_SHARED "shared by whom: other open descriptors, locks, mappings, registry rows"

/* Why a choice was taken, in the words of the table. */
#define KEEP "the target reaches it under the same name: it is kept, nothing is set up"
#define ANEW "it is secret: the program obtains it anew"
#define STAYS_USED "others use it: it stays and is reached"
#define READ_USED "others use it: it is read where it is"
#define DIVERGES "its declaration consents to a copy that diverges"
#define CONTENT "only its content counts"
#define SAME "the target has equal content"
#define ONE_OF "the target has one of its kind"
#define NONE_STAYS "the target has none of its kind: it stays and is reached"
#define NONE_USED "the target has none of its kind and others use it: it stays and is reached"

static const struct plan_row {
	const char *rule;
	enum pmig_binding binding;
	enum pmig_attachment attachment;
	unsigned operations, facts, consent;
	enum pmig_strategy expected;
	const char *why;    /* the reason; of a refusal a part of it */
	const char *beaten; /* the other choices of the cell, in its order */
} plan_rows[] = {
	/* --- by identifier --- */
	{ID_UN "; " WINS, ID, UN, ALL, 0, 0, PMIG_MOVE, "only this process uses it: it goes along", "GR"},
	{ID_UN "; " CANNOT, ID, UN, CP | GR | RB, 0, 0, PMIG_REFER,
		"exactly this one is meant and it cannot go along: it stays and is reached", "MV"},
	{ID_UN "; never a copy", ID, UN, CP | RB, 0, 0, PMIG_REFUSE, "cannot be moved in this version", "MV GR"},
	{ID_UN "; an equal one is not this one", ID, UN, CP | RB, EQUAL | HAS, 0, PMIG_REFUSE, "cannot be moved", "MV GR"},
	{ID_UN, ID, UN, ALL, SHARED, 0, PMIG_REFER, STAYS_USED, ""},
	{ID_UN "; " IS_SHARED, ID, UN, ALL, SHARERS, 0, PMIG_REFER, STAYS_USED, ""},
	{ID_UN "; " NONE, ID, UN, BYTES, SHARED, 0, PMIG_REFUSE, "cannot be reached across machines", "GR"},
	{ID_UN "; no copy, even with consent", ID, UN, BYTES, SHARED, PMIG_DIVERGENCE | PMIG_SNAPSHOT, PMIG_REFUSE,
		"reached", "GR"},
	{ID_FA "; " WINS, ID, FA, ALL, 0, 0, PMIG_REFER, "moving it has a price: it stays and is reached", "MV"},
	{ID_FA "; " CANNOT, ID, FA, BYTES, 0, 0, PMIG_MOVE,
		"exactly this one is meant and it cannot be reached: it goes along", "GR"},
	{ID_FA, ID, FA, ALL, SHARED, 0, PMIG_REFER, STAYS_USED, ""},
	{ID_FA "; " NONE, ID, FA, BYTES, SHARED, 0, PMIG_REFUSE, "reached across machines", "GR"},
	{ID_FI, ID, FI, ALL, 0, 0, PMIG_REFER, "it cannot leave its machine: it stays and is reached", ""},
	{ID_FI "; " NONE, ID, FI, MV | CP | RB, EQUAL | HAS, 0, PMIG_REFUSE, "reached across machines", "GR"},
	{ID_FI "; shared: the same", ID, FI, ALL, SHARED, 0, PMIG_REFER,
		"it cannot leave its machine: it stays and is reached", ""},

	/* --- by value --- */
	{VAL_UN "; " WINS, VAL, UN, ALL, 0, 0, PMIG_COPY, CONTENT, "MV GR"},
	{VAL_UN "; the bytes of what is unattached are not weighed", VAL, UN, ALL, DEAR, 0, PMIG_COPY, CONTENT, "MV GR"},
	{VAL_UN "; " CANNOT, VAL, UN, MV | GR, 0, 0, PMIG_MOVE,
		"only its content counts and it cannot be copied: it goes along", "CP GR"},
	{VAL_UN "; " CANNOT, VAL, UN, GR | RB, 0, PMIG_DIVERGENCE, PMIG_REFER,
		"only its content counts and it cannot be brought: it is read where it is", "CP MV"},
	{VAL_UN "; " CANNOT, VAL, UN, GR, 0, 0, PMIG_REFER,
		"only its content counts and it cannot be brought: it is read where it is", "CP MV"},
	{VAL_UN, VAL, UN, ALL, SHARED, 0, PMIG_REFER, READ_USED, "CP"},
	{VAL_UN "; no RB", VAL, UN, RB, EQUAL | HAS, 0, PMIG_REFUSE, "cannot be copied", "CP MV GR"},
	{VAL_UN, VAL, UN, ALL, SHARED, PMIG_DIVERGENCE, PMIG_REFER, READ_USED, "CP"},
	{VAL_UN "; " NOTE_1, VAL, UN, BYTES, SHARED, PMIG_DIVERGENCE, PMIG_COPY, DIVERGES, "GR"},
	{VAL_UN "; " NOTE_1, VAL, UN, BYTES, SHARED, 0, PMIG_REFUSE, "PMIG_DIVERGENCE", "GR CP"},
	{VAL_UN "; " NOTE_1 " (a snapshot is another consent)", VAL, UN, BYTES, SHARED | EQUAL | HAS | DEAR, PMIG_SNAPSHOT,
		PMIG_REFUSE, "PMIG_DIVERGENCE", "GR CP"},
	{VAL_FA "; " NOTE_2, VAL, FA, ALL, EQUAL, 0, PMIG_REBIND, SAME, "GR CP"},
	{VAL_FA "; a provider of the type is not equal content", VAL, FA, ALL, HAS, 0, PMIG_COPY, CONTENT, "RB GR"},
	{VAL_FA "; " WINS, VAL, FA, ALL, 0, 0, PMIG_COPY, CONTENT, "RB GR"},
	{VAL_FA "; the bytes cost more than the reads", VAL, FA, ALL, DEAR, 0, PMIG_REFER,
		"its bytes cost more than the reads: it is read where it is", "RB CP"},
	{VAL_FA "; consent is not asked for what is its own", VAL, FA, CP | GR, 0, PMIG_DIVERGENCE | PMIG_SNAPSHOT,
		PMIG_COPY, CONTENT, "RB GR"},
	{VAL_FA "; " CANNOT, VAL, FA, MV | GR, 0, PMIG_DIVERGENCE, PMIG_REFER,
		"only its content counts and it cannot be copied: it is read where it is", "RB GR CP"},
	{VAL_FA "; no MV", VAL, FA, MV, 0, 0, PMIG_REFUSE, "cannot be copied", "RB GR CP GR"},
	{VAL_FA "; " NOTE_2, VAL, FA, ALL, EQUAL | SHARED, 0, PMIG_REBIND, SAME, "GR CP"},
	{VAL_FA, VAL, FA, ALL, SHARED, PMIG_DIVERGENCE, PMIG_REFER, READ_USED, "RB CP"},
	{VAL_FA "; a provider of the type is not equal content", VAL, FA, ALL, SHARED | HAS | DEAR, 0, PMIG_REFER, READ_USED,
		"RB CP"},
	{VAL_FA "; " NOTE_1, VAL, FA, BYTES, SHARED, PMIG_DIVERGENCE, PMIG_COPY, DIVERGES, "RB GR"},
	{VAL_FA "; " NOTE_1, VAL, FA, BYTES, SHARED | HAS | DEAR, PMIG_SNAPSHOT, PMIG_REFUSE, "PMIG_DIVERGENCE", "RB GR CP"},
	{VAL_FI, VAL, FI, ALL, EQUAL | HAS | DEAR, 0, PMIG_REFUSE, "distributed shared memory", "CP"},
	{VAL_FI, VAL, FI, ALL, 0, PMIG_SNAPSHOT, PMIG_COPY, "its declaration consents to a snapshot", ""},
	{VAL_FI "; shared: the same", VAL, FI, ALL, SHARED, PMIG_SNAPSHOT, PMIG_COPY,
		"its declaration consents to a snapshot", ""},
	{VAL_FI "; divergence is another consent", VAL, FI, ALL, 0, PMIG_DIVERGENCE, PMIG_REFUSE, "PMIG_SNAPSHOT", "CP"},

	/* --- by type --- */
	{TYPE_UN "; " WINS, TYPE, UN, ALL, HAS, 0, PMIG_REBIND, ONE_OF, "MV CP GR"},
	{TYPE_UN "; equal content is not one of the type", TYPE, UN, ALL, EQUAL | DEAR, 0, PMIG_MOVE,
		"the target has none of its kind: it goes along", "RB CP GR"},
	{TYPE_UN "; " CANNOT, TYPE, UN, ALL & ~RB, HAS, 0, PMIG_MOVE, "the target has none of its kind: it goes along",
		"RB CP GR"},
	{TYPE_UN "; " CANNOT, TYPE, UN, CP | GR, 0, PMIG_DIVERGENCE | PMIG_SNAPSHOT, PMIG_COPY,
		"the target has none of its kind: it gets a copy", "RB MV GR"},
	{TYPE_UN "; " CANNOT, TYPE, UN, CP | GR, 0, 0, PMIG_COPY, "the target has none of its kind: it gets a copy",
		"RB MV GR"},
	{TYPE_UN "; " CANNOT, TYPE, UN, GR, 0, PMIG_DIVERGENCE, PMIG_REFER, NONE_STAYS, "RB MV CP"},
	{TYPE_UN "; " CANNOT, TYPE, UN, GR, 0, 0, PMIG_REFER, NONE_STAYS, "RB MV CP"},
	{TYPE_UN "; " NONE, TYPE, UN, RB, 0, 0, PMIG_REFUSE, "no provider of", "RB MV CP GR"},
	{TYPE_UN, TYPE, UN, ALL, SHARED, 0, PMIG_REFER, NONE_USED, "RB CP"},
	{TYPE_UN, TYPE, UN, ALL, HAS | SHARED, 0, PMIG_REBIND, ONE_OF, "GR CP"},
	{TYPE_UN, TYPE, UN, ALL, SHARED | EQUAL | DEAR, 0, PMIG_REFER, NONE_USED, "RB CP"},
	{TYPE_UN "; " NOTE_1, TYPE, UN, BYTES, SHARED, PMIG_DIVERGENCE, PMIG_COPY, DIVERGES, "RB GR"},
	{TYPE_UN "; " NOTE_1, TYPE, UN, BYTES, SHARED | EQUAL | DEAR, PMIG_SNAPSHOT, PMIG_REFUSE, "PMIG_DIVERGENCE",
		"RB GR CP"},
	{TYPE_UN "; " NOTE_1, TYPE, UN, BYTES, SHARED | HAS, 0, PMIG_REFUSE, "PMIG_DIVERGENCE", "RB GR CP"},
	{TYPE_FA "; " WINS, TYPE, FA, ALL, HAS, 0, PMIG_REBIND, ONE_OF, "GR CP MV"},
	{TYPE_FA, TYPE, FA, ALL, EQUAL | DEAR, 0, PMIG_REFER, NONE_STAYS, "RB CP MV"},
	{TYPE_FA, TYPE, FA, ALL, 0, 0, PMIG_REFER, NONE_STAYS, "RB CP MV"},
	{TYPE_FA "; " CANNOT, TYPE, FA, BYTES, 0, 0, PMIG_COPY, "the target has none of its kind: it gets a copy",
		"RB GR MV"},
	{TYPE_FA "; " CANNOT, TYPE, FA, MV, 0, PMIG_DIVERGENCE, PMIG_MOVE, "the target has none of its kind: it goes along",
		"RB GR CP"},
	{TYPE_FA "; " CANNOT, TYPE, FA, MV, 0, 0, PMIG_MOVE, "the target has none of its kind: it goes along", "RB GR CP"},
	{TYPE_FA, TYPE, FA, ALL, SHARED, 0, PMIG_REFER, NONE_USED, "RB CP"},
	{TYPE_FA, TYPE, FA, ALL, HAS | SHARED, 0, PMIG_REBIND, ONE_OF, "GR CP"},
	{TYPE_FA, TYPE, FA, ALL, SHARED | EQUAL | DEAR, 0, PMIG_REFER, NONE_USED, "RB CP"},
	{TYPE_FA "; " NOTE_1, TYPE, FA, BYTES, SHARED, 0, PMIG_REFUSE, "PMIG_DIVERGENCE", "RB GR CP"},
	{TYPE_FA "; " NOTE_1, TYPE, FA, BYTES, SHARED | HAS | EQUAL | DEAR, PMIG_SNAPSHOT, PMIG_REFUSE, "PMIG_DIVERGENCE",
		"RB GR CP"},
	{TYPE_FA "; " NOTE_1, TYPE, FA, BYTES, SHARED, PMIG_DIVERGENCE, PMIG_COPY, DIVERGES, "RB GR"},
	{TYPE_FI "; " WINS, TYPE, FI, ALL, HAS, 0, PMIG_REBIND, ONE_OF, "GR"},
	{TYPE_FI "; shared: the same", TYPE, FI, ALL, HAS | SHARED, 0, PMIG_REBIND, ONE_OF, "GR"},
	{TYPE_FI, TYPE, FI, ALL, EQUAL | DEAR, 0, PMIG_REFER, NONE_STAYS, "RB"},
	{TYPE_FI "; shared: the same", TYPE, FI, ALL, SHARED, 0, PMIG_REFER, NONE_STAYS, "RB"},
	{TYPE_FI "; " NONE, TYPE, FI, BYTES, 0, 0, PMIG_REFUSE, "no provider of", "RB GR"},

	/* --- what holds for every cell --- */
	{IS_KEPT, ID, UN, ALL, REACHED, 0, PMIG_REFER, KEEP, "MV"},
	{IS_KEPT, ID, FA, ALL, REACHED | SHARED, 0, PMIG_REFER, KEEP, ""},
	{IS_KEPT, ID, FI, ALL, REACHED, 0, PMIG_REFER, KEEP, ""},
	{IS_KEPT "; and its kind opens it again by its name", VAL, UN, BYTES | PLAN_CAN_KEEP, REACHED, 0, PMIG_REFER, KEEP,
		"CP MV"},
	{IS_KEPT, VAL, FA, ALL, REACHED | EQUAL, 0, PMIG_REFER, KEEP, "RB CP"},
	{IS_KEPT, TYPE, FI, ALL, REACHED | HAS | SHARED, 0, PMIG_REFER, KEEP, "RB"},
	{IS_KEPT "; a cell without GR keeps none", VAL, FI, ALL, REACHED, 0, PMIG_REFUSE, "shared memory", "CP"},
	{NEVER_REMOVED, TYPE, UN, ALL, REACHED | HAS, 0, PMIG_REFER, KEEP, "RB MV CP"},
	{NEVER_REMOVED, ID, UN, MV, REACHED, 0, PMIG_REFUSE, "what both share is never removed at the source", "GR MV GR"},
	{IS_KEPT "; a secret's too: no byte of it goes anywhere", ID, UN, ALL, REACHED | SECRET, 0, PMIG_REFER, KEEP,
		"RB MV"},
	{IS_SECRET, VAL, UN, ALL, SECRET, 0, PMIG_REBIND, ANEW, "CP MV GR"},
	{IS_SECRET, VAL, FA, ALL, SECRET | SHARED, 0, PMIG_REBIND, ANEW, "GR CP"},
	{IS_SECRET, ID, FI, ALL, SECRET, 0, PMIG_REBIND, ANEW, "GR"},
	{IS_SECRET, TYPE, FA, ALL, SECRET, 0, PMIG_REBIND, ANEW, "GR CP MV"},
	{IS_SECRET "; the program does that, whatever its kind can", VAL, UN, BYTES, SECRET, 0, PMIG_REBIND, ANEW,
		"CP MV GR"},
	{IS_SECRET "; without a callback " NONE, VAL, UN, BYTES | RB, SECRET | NO_HOOK, 0, PMIG_REFUSE,
		"has no hook that obtains it anew", "RB CP MV GR"},
	{IS_SECRET, VAL, UN, BYTES, SECRET | NO_HOOK, 0, PMIG_REFUSE, "its bytes never enter an image", "RB CP MV GR"},
	{IS_SECRET "; it may stay where it is", ID, UN, MV | GR, SECRET | NO_HOOK, 0, PMIG_REFER,
		"exactly this one is meant and it cannot go along: it stays and is reached", "RB MV"},
	{MAY_BE_LOST, ID, FI, MV | PLAN_CAN_DROP, 0, PMIG_LOSS, PMIG_REBIND,
		"a resource of kind file cannot be reached across machines in "
		"this version",
		"GR"},
	{MAY_BE_LOST "; not without consent", ID, FI, MV | PLAN_CAN_DROP, 0, 0, PMIG_REFUSE, "reached across machines",
		"GR"},
	{MAY_BE_LOST "; " CANNOT, ID, FI, MV, 0, PMIG_LOSS, PMIG_REFUSE, "reached across machines", "GR"},
};
#define PLAN_ROW_COUNT (sizeof plan_rows / sizeof *plan_rows)

static inline struct plan_resource plan_row_resource(const struct plan_row *row)
{
	struct plan_resource r = case_of(row->binding, row->attachment, row->operations);
	r.row.consent = row->consent;
	r.row.shared = row->facts & SHARED;
	r.row.secret = row->facts & SECRET;
	r.secret_hook = !(row->facts & NO_HOOK);
	r.sharers.value = row->facts & SHARERS ? 2 : 0;
	r.same_content.value = row->facts & EQUAL ? 1 : 0;
	r.providers.value = row->facts & HAS ? 1 : 0;
	r.reached = row->facts & REACHED ? (struct plan_fact)ASKED(1) : (struct plan_fact){0};
	if (row->facts & DEAR)
		r.size.value = 11000000000; /* 100 s over the link */
	return r;
}

/* Whether the row holds under these rules; *ret_words is what is there instead. */
static inline bool plan_row_holds(const struct plan_rules *rules, const struct plan_row *row, char ret_words[512])
{
	static const char *const letters[] = {"", "MV", "CP", "GR", "RB", "RF"};
	struct plan_resource r = plan_row_resource(row);
	struct plan_facts facts = case_facts();
	struct plan *plan = NULL;
	if (row->facts & DEAR)
		facts.remaining.value = 1000000000; /* one second, and it reads little */
	assert_good(plan_make_by(rules, &r, 1, &facts, &(struct plan_limits){0}, &plan));
	const struct plan_decision *d = &plan->decisions[0];
	char beaten[64] = "";
	for (size_t i = 0; i < d->alternative_count; i++)
		(void)strcat(strcat(beaten, i > 0 ? " " : ""), letters[d->alternatives[i].strategy]);
	bool refused = row->expected == PMIG_REFUSE;
	bool holds = d->strategy == row->expected && strcmp(beaten, row->beaten) == 0 &&
		(refused ? strstr(d->reason, row->why) != NULL : strcmp(d->reason, row->why) == 0) &&
		(plan->refusal != NULL) == refused && d->kept == (strcmp(row->why, KEEP) == 0) &&
		d->dropped == (strcmp(row->rule, MAY_BE_LOST) == 0);
	/* (1): with a warning in the plan */
	if (strcmp(row->why, DIVERGES) == 0)
		holds = holds && strstr(d->warning, "diverges") != NULL;
	(void)snprintf(ret_words, 512, "%s: %.300s, not %s", strategy_name(d->strategy), d->reason, beaten);
	plan_destroy(plan);
	return holds;
}

/* --- what nobody declared --- */

static const struct plan_default_row {
	enum plan_situation situation;
	const char *words; /* of the design's table */
	enum pmig_binding binding;
	enum pmig_attachment attachment;
	enum plan_treatment treatment;
	const char *refused;
} plan_default_rows[] = {
	{PLAN_STANDARD_STREAM, "standard stream or controlling terminal", ID, FI, PLAN_GIVEN,
		NULL}, /* they follow the launcher */
	{PLAN_FILE_READ, "regular file, read only", VAL, UN, PLAN_ORDINARY, NULL},
	{PLAN_FILE_WRITTEN, "regular file, written", ID, UN, PLAN_ORDINARY, NULL},
	{PLAN_FILE_TEMPORARY, "temporary or deleted file", VAL, UN, PLAN_ORDINARY, NULL}, /* the content travels */
	{PLAN_DIRECTORY, "directory", ID, UN, PLAN_ORDINARY, NULL},
	{PLAN_COMMON_DEVICE, "null, zero, random or tty", TYPE, FI, PLAN_EVERYWHERE, NULL},
	{PLAN_DEVICE, "device", ID, FI, PLAN_ORDINARY, NULL},
	{PLAN_LISTENER, "socket that listens", ID, FI, PLAN_ORDINARY,
		NULL}, /* its address is what others know of the program */
	{PLAN_ALONE, "new socket", TYPE, FI, PLAN_ORDINARY, NULL},
	{PLAN_DATAGRAM, "UDP or unix datagram socket with an address, or packets", ID, FI, PLAN_ORDINARY, NULL},
	{PLAN_SOCKET, "connection", ID, FI, PLAN_ORDINARY, NULL},
	{PLAN_WITHIN, "pipe, socketpair, eventfd, timerfd, signalfd or epoll within the process", VAL, UN, PLAN_PART, NULL},
	{PLAN_PIPE_OUTSIDE, "pipe or unix socket with an outside end", ID, FI, PLAN_ORDINARY, NULL},
	{PLAN_MEMORY_SHARED, "memory shared with another process", VAL, FI, PLAN_ORDINARY, NULL}, /* refused, by its cell */
	{PLAN_LIBRARY, "shared library", VAL, FA, PLAN_GIVEN, NULL},
	{PLAN_MEMORY_FOREIGN, "memory of a foreign library", VAL, FI, PLAN_REFUSED,
		"the program points into memory that belongs to a foreign library and does not travel"},
};
#define PLAN_DEFAULT_ROW_COUNT (sizeof plan_default_rows / sizeof *plan_default_rows)

/* By what a plan makes of it, not by the entry itself. */
static inline bool plan_default_row_holds(const struct plan_rules *rules, const struct plan_default_row *row)
{
	struct plan_resource r = case_of(0, 0, ALL);
	struct plan_facts facts = case_facts();
	struct plan *plan = NULL;
	r.providers = (struct plan_fact){0};
	plan_undeclared_by(rules, &r, row->situation);
	assert_good(plan_make_by(rules, &r, 1, &facts, &(struct plan_limits){.strict = true}, &plan));
	const struct plan_decision *d = &plan->decisions[0];
	bool strict = plan->refusal != NULL && strstr(plan->refusal, "--strict") != NULL;
	bool holds = r.row.binding == row->binding && r.row.attachment == row->attachment &&
		strcmp(rules->defaults[row->situation].words, row->words) == 0 && r.row.origin == PMIG_UNDECLARED &&
		d->part == (row->treatment == PLAN_PART) &&
		(r.providers.value == 1) == (row->treatment == PLAN_EVERYWHERE) &&
		strict == (row->treatment == PLAN_ORDINARY || row->treatment == PLAN_EVERYWHERE) &&
		(r.refused != NULL) == (row->refused != NULL) &&
		(row->refused == NULL || strcmp(d->reason, row->refused) == 0);
	plan_destroy(plan);
	return holds;
}

#endif
