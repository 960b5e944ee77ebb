/* replay HOST=REGISTRY...: whether the table of transport/handover.c, which is what the model is made of as well, allows what the journals of a
 * run have. For each hand-over it looks for a course of events (answers, lost ones, mishaps, another supervisor, a decision) in which each
 * host wrote its rows in this order; and what owned the program after one must be what froze it for the next.
 *
 * What a host has forgotten is not checked, nor is anything that no row is written of. A row of a step that was done may be missing, since
 * nothing relies on it; the row before a step may not. */
#include "transport/handover.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANDOVERS 256
#define ROWS 64
#define STATES 65536

enum { SOURCE, TARGET, SIDES };
enum { FINISHED = 3, UNDONE = 4 }; /* pmig_handover_state, as the registry keeps it */

struct journal {
	bool known;
	int state, rows;
	char row[ROWS]; /* the step's first letter, large if it begins: F freeze, R restore, C commit, A activate, L release */
};

struct record {
	char id[40], process[40], source[128], target[128], reason[64];
	int64_t epoch, began;
	bool fenced;
	struct journal side[SIDES];
};

/* A point of a course: the supervisor's state, how far each journal has come, and what is so by then. */
struct point {
	struct handover h;
	unsigned char at[SIDES];
	bool frozen, restored, promised, claimed, barred, asked_to_run, ran, released, undecided, revived;
};

static struct record records[HANDOVERS];
static size_t record_count;
static struct point points[STATES];
static size_t point_count;

static struct record *record_of(const char *id)
{
	for (size_t i = 0; i < record_count; i++)
		if (strcmp(records[i].id, id) == 0)
			return &records[i];
	if (record_count == HANDOVERS) {
		(void)fprintf(stderr, "replay: more than %d hand-overs\n", HANDOVERS);
		exit(2);
	}
	(void)snprintf(records[record_count].id, sizeof records->id, "%s", id);
	return &records[record_count++];
}

static char letter(const char *step, int phase)
{
	static const struct {
		const char *step, *letters;
	} all[] = {{"freeze", "Ff"}, {"restore", "Rr"}, {"commit", "Cc"}, {"activate", "Aa"}, {"release", "Ll"}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(step, all[i].step) == 0 && (phase == 1 || phase == 2))
			return all[i].letters[phase - 1];
	return '?';
}

/* Where one database is that of both, or home's is that of a side, a row belongs to the side that does such a step. */
static void take_row(struct record *r, const char *host, const char *step, int phase)
{
	char c = letter(step, phase);
	int side = strcmp(host, r->source) == 0 ? SOURCE : TARGET;
	struct journal *j = &r->side[side];
	if (strcmp(step, "forget") == 0)
		return; /* home's own: what it asks the target for later */
	if (strcmp(step, "fence") == 0) {
		r->fenced = true;
		return;
	}
	if (j->rows == ROWS) {
		(void)fprintf(stderr, "replay: %s: more than %d rows\n", r->id, ROWS);
		exit(2);
	}
	j->row[j->rows++] = c;
}

static const char *column(sqlite3_stmt *q, int i)
{
	const unsigned char *text = sqlite3_column_text(q, i);
	return text != NULL ? (const char *)text : "";
}

static void load(const char *host, const char *path)
{
	static const char sql[] =
		"SELECT h.id, h.process, h.source, h.target, h.epoch, h.state, h.reason, h.began, s.step, s.phase FROM handovers h"
		" LEFT JOIN handover_steps s ON s.handover = h.id ORDER BY h.id, s.sequence";
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	if (access(path, F_OK) < 0)
		return; /* that host was never asked */
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK) {
		(void)fprintf(stderr, "replay: %s: %s\n", path, sqlite3_errmsg(db));
		exit(2);
	}
	while (sqlite3_step(q) == SQLITE_ROW) {
		struct record *r = record_of(column(q, 0));
		(void)snprintf(r->process, sizeof r->process, "%s", column(q, 1));
		(void)snprintf(r->source, sizeof r->source, "%s", column(q, 2));
		(void)snprintf(r->target, sizeof r->target, "%s", column(q, 3));
		(void)snprintf(r->reason, sizeof r->reason, "%s", column(q, 6));
		r->epoch = sqlite3_column_int64(q, 4);
		r->began = sqlite3_column_int64(q, 7);
		bool is_source = strcmp(host, r->source) == 0;
		if (is_source || strcmp(host, r->target) == 0) {
			struct journal *j = &r->side[is_source ? SOURCE : TARGET];
			j->known = true;
			j->state = sqlite3_column_int(q, 5);
		}
		if (sqlite3_column_type(q, 8) != SQLITE_NULL)
			take_row(r, host, column(q, 8), sqlite3_column_int(q, 9));
	}
	(void)sqlite3_finalize(q);
	(void)sqlite3_close(db);
}

/* Everything of a point but its padding. */
static uint64_t key_of(const struct point *p)
{
	const struct handover *h = &p->h;
	const bool bits[] = {h->back, h->gone, h->durable, h->barred, h->decided, h->again, h->started, p->frozen,
		p->restored, p->promised, p->claimed, p->barred, p->asked_to_run, p->ran, p->released, p->undecided,
		p->revived};
	uint64_t key = (uint64_t)h->row | (uint64_t)h->doing << 4 | (uint64_t)h->outcome << 8 |
		(uint64_t)p->at[SOURCE] << 12 | (uint64_t)p->at[TARGET] << 20;
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		key |= (uint64_t)bits[i] << (32 + i);
	return key;
}

static void add(const struct point *p)
{
	static uint64_t keys[STATES];
	uint64_t key = key_of(p);
	for (size_t i = 0; i < point_count; i++)
		if (keys[i] == key)
			return;
	if (point_count == STATES) {
		(void)fprintf(stderr, "replay: too many courses\n");
		exit(2);
	}
	keys[point_count] = key;
	points[point_count++] = *p;
}

static void after(const struct point *p, enum handover_event event)
{
	struct point next = *p;
	(void)handover_step(&next.h, event);
	if (next.h.doing == HANDOVER_ACTIVATE)
		next.asked_to_run = true;
	if (event == HANDOVER_BARRED)
		next.barred = true;
	add(&next);
}

/* The next row of a side, if what is asked of it can have written that. */
static void write_row(const struct point *p, const struct record *r, int side)
{
	if (p->at[side] == r->side[side].rows)
		return;
	struct point next = *p;
	enum handover_action doing = p->h.doing;
	bool may = false;
	switch (r->side[side].row[next.at[side]++]) {
	case 'F':
		may = side == SOURCE && doing == HANDOVER_FREEZE;
		next.frozen = true;
		break;
	case 'f':
		may = side == SOURCE && doing == HANDOVER_FREEZE && p->frozen;
		break;
	case 'R':
		may = side == TARGET && (doing == HANDOVER_RESTORE || p->asked_to_run);
		next.restored = true;
		break;
	case 'r':
		may = side == TARGET && (doing == HANDOVER_RESTORE || p->asked_to_run) && p->restored;
		break;
	case 'C':
		if (side == SOURCE) {
			may = doing == HANDOVER_PROMISE;
			next.promised = true;
		} else {
			may = doing == HANDOVER_CLAIM && p->restored && !p->barred;
			/* It is the row before: whether the claim followed it shows when the target is asked. */
			next.undecided = !p->claimed;
		}
		break;
	case 'A':
		may = side == TARGET && p->asked_to_run && p->claimed;
		next.ran = true;
		break;
	case 'a':
		may = side == TARGET && p->ran;
		break;
	case 'L':
	case 'l':
		may = side == SOURCE && doing == HANDOVER_RELEASE;
		next.released = true;
		break;
	default:
		break;
	}
	if (may)
		add(&next);
}

/* What can come of the action under way, as far as the journals can tell. */
static bool can_be_done(const struct point *p, const struct record *r)
{
	switch (p->h.doing) {
	case HANDOVER_FREEZE:
		return p->frozen || !r->side[SOURCE].known;
	case HANDOVER_RESTORE:
		return p->restored || !r->side[TARGET].known;
	case HANDOVER_PROMISE:
		return p->promised || p->revived || !r->side[SOURCE].known; /* where nothing is, no row is needed */
	case HANDOVER_CLAIM:
		return p->claimed;
	case HANDOVER_ACTIVATE:
		return p->ran || !r->side[TARGET].known;
	case HANDOVER_RELEASE:
		return p->released || p->h.gone || !r->side[SOURCE].known;
	default:
		return true;
	}
}

static void follow(const struct point *given, const struct record *r)
{
	struct point now = *given;
	for (int side = 0; side < SIDES; side++)
		write_row(&now, r, side);
	if (now.undecided || (!r->side[TARGET].known && now.h.doing == HANDOVER_CLAIM && !now.claimed && !now.barred)) {
		struct point next = now;
		next.undecided = false;
		next.claimed = true;
		add(&next);
	}
	struct point next = now; /* its supervisor is killed, and another one takes it up */
	(void)handover_resume(&next.h, now.h.durable);
	add(&next);
	if (can_be_done(&now, r))
		after(&now, HANDOVER_DONE);
	after(&now, HANDOVER_FAILED);
	after(&now, HANDOVER_LOST);
	after(&now, HANDOVER_GONE);
	after(&now, HANDOVER_CANCEL);
	if (now.h.doing != HANDOVER_BAR)
		return;
	after(&now, now.claimed ? HANDOVER_OWNED : HANDOVER_BARRED);
	if (r->fenced)
		after(&now, HANDOVER_DECIDED);
}

/* All rows are written, and how each side has closed its record is so. */
static bool is_end(const struct point *p, const struct record *r)
{
	if (p->at[SOURCE] != r->side[SOURCE].rows || p->at[TARGET] != r->side[TARGET].rows)
		return false;
	if (r->side[SOURCE].state == FINISHED && !p->claimed)
		return false;
	if (r->side[TARGET].state == FINISHED && !p->ran)
		return false;
	return r->side[SOURCE].state != UNDONE || !p->claimed || r->fenced || p->h.outcome == HANDOVER_WAITS;
}

/* Which of its hosts can have the program after it: bits 1 << SOURCE, 1 << TARGET; 0: nothing explains the rows. */
static unsigned explain(const struct record *r)
{
	struct point first = {0};
	unsigned owners = 0;
	point_count = 0;
	(void)handover_step(&first.h, HANDOVER_START);
	add(&first);
	(void)handover_revive(&first.h); /* what waited as an image */
	first.revived = true;
	add(&first);
	for (size_t i = 0; i < point_count; i++) {
		if (is_end(&points[i], r))
			owners |= points[i].claimed && !r->fenced ? 1U << TARGET : 1U << SOURCE;
		follow(&points[i], r);
	}
	return owners;
}

static int by_time(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int order = strcmp(x->process, y->process);
	if (order != 0)
		return order;
	return x->epoch != y->epoch ? (x->epoch > y->epoch) - (x->epoch < y->epoch)
				    : (x->began > y->began) - (x->began < y->began);
}

static bool is_allowed(const struct record *r, const struct record *last, unsigned owners_before, unsigned *ret_owners)
{
	*ret_owners = explain(r);
	if (*ret_owners == 0) {
		(void)printf("hand-over %s from %s to %s, epoch %lld: no course of events has these rows: %.*s at %s, %.*s at %s, closed as %d and %d\n",
			r->id, r->source, r->target, (long long)r->epoch, r->side[SOURCE].rows, r->side[SOURCE].row,
			r->source, r->side[TARGET].rows, r->side[TARGET].row, r->target, r->side[SOURCE].state,
			r->side[TARGET].state);
		return false;
	}
	bool ran_here = memchr(r->side[SOURCE].row, 'F', (size_t)r->side[SOURCE].rows) != NULL;
	if (last == NULL || !ran_here || ((owners_before & 1U << SOURCE) != 0 && strcmp(r->source, last->source) == 0) ||
		((owners_before & 1U << TARGET) != 0 && strcmp(r->source, last->target) == 0))
		return true;
	(void)printf("hand-over %s froze the program at %s, which does not own it after hand-over %s from %s to %s\n", r->id,
		r->source, last->id, last->source, last->target);
	return false;
}

int main(int argc, char **argv)
{
	int wrong = 0;
	for (int i = 1; i < argc; i++) {
		char *path = strrchr(argv[i], '=');
		if (path == NULL) {
			(void)fprintf(stderr, "usage: replay HOST=REGISTRY...\n");
			return 2;
		}
		*path++ = '\0';
		load(argv[i], path);
	}
	qsort(records, record_count, sizeof *records, by_time);
	const struct record *last = NULL;
	unsigned owners = 0;
	size_t rows = 0, compared = 0;
	for (size_t i = 0; i < record_count; i++) {
		const struct record *r = &records[i];
		if (strcmp(r->reason, "it was started there") == 0)
			continue; /* the beginning of a program elsewhere, which no table has */
		if (last != NULL && strcmp(last->process, r->process) != 0)
			last = NULL;
		wrong += !is_allowed(r, last, owners, &owners);
		compared++;
		rows += (size_t)r->side[SOURCE].rows + (size_t)r->side[TARGET].rows;
		last = r;
	}
	(void)printf("%zu hand-overs, %zu rows, %d that the table does not allow\n", compared, rows, wrong);
	return wrong > 0;
}
