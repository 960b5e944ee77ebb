/* strategy: the table of strategies, as data: which choices a cell has, in which order, under which conditions. */
#include "strategy.h"

enum { EITHER = -1, ALONE = 0, SHARED = 1 };
enum { BY_ANY, BY_IDENTIFIER = PMIG_BY_IDENTIFIER, BY_VALUE = PMIG_BY_VALUE, BY_TYPE = PMIG_BY_TYPE };
enum { IS_ANY, IS_UNATTACHED = PMIG_UNATTACHED, IS_FASTENED = PMIG_FASTENED, IS_FIXED = PMIG_FIXED };

static const struct strategy_choice choices[] = {
#define STRATEGY(binding, attachment, sharing, strategy, condition, why) \
	{BY_##binding, IS_##attachment, sharing, PMIG_##strategy, STRATEGY_##condition, why},
#include "tbl/strategy.h"
#undef STRATEGY
};
#define CHOICE_COUNT (sizeof choices / sizeof *choices)

const struct strategy_choice *strategy_table(size_t *ret_count)
{
	*ret_count = CHOICE_COUNT;
	return choices;
}

static bool is_general(const struct strategy_choice *c)
{
	return c->binding == BY_ANY;
}

static bool of_cell(const struct strategy_choice *c, enum pmig_binding binding, enum pmig_attachment attachment, bool shared)
{
	return (c->binding == BY_ANY || c->binding == (int)binding) &&
		(c->attachment == IS_ANY || c->attachment == (int)attachment) &&
		(c->sharing == EITHER || c->sharing == shared);
}

/* By itself, before what holds for every cell. */
static bool offers_reference(const struct strategy_choice *table, size_t count, enum pmig_binding binding,
	enum pmig_attachment attachment, bool shared)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].strategy == PMIG_REFER && !is_general(&table[i]) &&
			of_cell(&table[i], binding, attachment, shared))
			return true;
	return false;
}

const struct strategy_choice *strategy_next_in(const struct strategy_choice *table, size_t count,
	const struct strategy_choice *after, enum pmig_binding binding, enum pmig_attachment attachment, bool shared)
{
	for (const struct strategy_choice *c = after != NULL ? after + 1 : table; c < table + count; c++)
		if (of_cell(c, binding, attachment, shared) &&
			(!is_general(c) || c->strategy != PMIG_REFER ||
				offers_reference(table, count, binding, attachment, shared)))
			return c;
	return NULL;
}

const struct strategy_choice *strategy_next(const struct strategy_choice *after, enum pmig_binding binding,
	enum pmig_attachment attachment, bool shared)
{
	return strategy_next_in(choices, CHOICE_COUNT, after, binding, attachment, shared);
}

const char *strategy_cell(enum pmig_binding binding, enum pmig_attachment attachment, bool shared)
{
	static const char *const cells[3][3][2] = {
#define CELL(b, a) {"by " b ", " a, "by " b ", " a ", shared"}
#define CELLS(b) {CELL(b, "unattached"), CELL(b, "fastened"), CELL(b, "fixed")}
		CELLS("identifier"),
		CELLS("value"),
		CELLS("type"),
	};
	if (binding < PMIG_BY_IDENTIFIER || binding > PMIG_BY_TYPE || attachment < PMIG_UNATTACHED ||
		attachment > PMIG_FIXED)
		return "unknown";
	return cells[binding - 1][attachment - 1][shared];
}

const char *strategy_name(enum pmig_strategy strategy)
{
	static const char *const names[] = {"none", "move", "copy", "reference", "rebind", "refuse"};
	return (size_t)strategy < sizeof names / sizeof *names ? names[strategy] : names[0];
}
