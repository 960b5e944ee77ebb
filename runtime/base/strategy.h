/* strategy: the table of strategies, as data: which choices a cell has, in which order, under which conditions. */
#ifndef PMIG_BASE_STRATEGY_H
#define PMIG_BASE_STRATEGY_H

#include <pmig/pmig.h>

enum strategy_condition {
	STRATEGY_ALWAYS = 1,
	STRATEGY_KEPT,          /* the target reaches the same thing by the same name */
	STRATEGY_SECRET,        /* its bytes may not travel */
	STRATEGY_EQUAL_CONTENT, /* the target has it already, wherever */
	STRATEGY_PROVIDER,      /* the target has one of the type */
	STRATEGY_DEAR_BYTES,    /* copying costs more than reading from afar for the rest of the run */
	STRATEGY_DIVERGENCE,    /* the declaration consents: a copy of something shared goes its own way */
	STRATEGY_SNAPSHOT       /* the declaration consents: a copy as of the freeze */
};

struct strategy_choice {
	int binding;    /* enum pmig_binding; 0: any */
	int attachment; /* enum pmig_attachment; 0: any */
	int sharing;    /* 0: only alone, 1: only shared, -1: either */
	enum pmig_strategy strategy;
	enum strategy_condition condition;
	const char *why;
};

/* The whole table, for tools that print it. */
const struct strategy_choice *strategy_table(size_t *ret_count);

/* The choice of the cell that follows `after` (NULL: the first), NULL behind the last one. A kept reference is a choice only
 * of cells that offer one. */
const struct strategy_choice *strategy_next(const struct strategy_choice *after, enum pmig_binding binding,
	enum pmig_attachment attachment, bool shared);

/* The same in another table: `after` is NULL or an element of it. */
const struct strategy_choice *strategy_next_in(const struct strategy_choice *table, size_t count,
	const struct strategy_choice *after, enum pmig_binding binding, enum pmig_attachment attachment, bool shared);

/* "by identifier, fixed" or "by value, unattached, shared"; "unknown" where binding or attachment is out of range. Static. */
const char *strategy_cell(enum pmig_binding binding, enum pmig_attachment attachment, bool shared);

/* "move", "copy", "reference", "rebind", "refuse"; "none" for anything else. Static. */
const char *strategy_name(enum pmig_strategy strategy);

#endif
