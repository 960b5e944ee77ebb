/* policy_parse: the text of a policy, section by section; its form is in policy.h. */
#ifndef PMIG_REGISTRY_POLICY_PARSE_H
#define PMIG_REGISTRY_POLICY_PARSE_H

#include "policy.h"
#include "pool.h"

/* Texts are never NULL, and live as long as the pool. */
struct policy_section {
	const char *kind; /* "": any */
	const char *pattern;
	const char *place;            /* "FILE:LINE" */
	struct pmig_resource_row row; /* binding 0: it declares nothing */
	uint8_t order[PLAN_ORDER_MAX + 1];
};

/* Calls `take` for each section, in order; a result below 0 ends it with that. PMIG_EINVAL as policy_add(). */
int policy_parse(struct pool *pool, const char *name, const char *text, size_t size,
	int (*take)(void *context, const struct policy_section *section), void *context) PMIG_MUST_CHECK;

#endif
