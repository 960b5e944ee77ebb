/* plan_input: resources as an agent reports them, checked and made ready for plan_make().
 *
 * Normal usage: plan_input_create() from the array; fill in facts that were asked (resources[i].providers, ...);
 * plan_make(input->resources, input->count, ...); plan_input_destroy(). */
#ifndef PMIG_REGISTRY_PLAN_INPUT_H
#define PMIG_REGISTRY_PLAN_INPUT_H

#include "plan.h"
#include <jansson.h>

#define PLAN_INPUT_MAX 65536 /* resources of one process */

struct plan_input {
	size_t count;
	struct plan_resource
		*resources; /* rows, operations, note, at, ahead and secret_hook are set; facts are not known yet */
	json_t *rows;       /* owns the texts */
};

/* `rows`: a JSON array of resources of the process `uuid`, members as in struct pmig_resource_row; `process` may be
 * missing. Besides: "operations" (what its kind can do, where that is not in tbl/kind.h: PLAN_CAN() or-ed), "note", "at", "ahead", "secret_hook" (plan.h). Size and rate of a row count as declared. What arrives is hostile until checked: PMIG_ECORRUPT names row and member. PMIG_ENOMEM. */
int plan_input_create(const json_t *rows, const char *uuid, struct plan_input **ret_input) PMIG_MUST_CHECK;

/* Takes NULL. */
void plan_input_destroy(struct plan_input *input);

#endif
