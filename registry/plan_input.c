/* plan_input: resources as an agent reports them, checked and made ready for plan_make(). */
#include "plan_input.h"
#include "row.h"
#include "runtime/base/uncarried.h"

#include <stdlib.h>
#include <string.h>

#define OPERATIONS_ALL \
	(PLAN_CAN(PMIG_MOVE) | PLAN_CAN(PMIG_COPY) | PLAN_CAN(PMIG_REFER) | PLAN_CAN(PMIG_REBIND) | PLAN_CAN_KEEP | \
		PLAN_CAN_DROP)

/* What the agent knows besides the row: the operations of a kind that came from outside, and what is on the way already. */
static int read_facts(const json_t *object, struct plan_resource *r)
{
	const json_t *operations = json_object_get(object, "operations"), *note = json_object_get(object, "note");
	const json_t *at = json_object_get(object, "at"), *stays = json_object_get(object, "no_reference");
	r->operations = plan_operations(r->row.kind);
	if (operations != NULL) {
		json_int_t bits = json_integer_value(operations);
		if (!json_is_integer(operations) || bits < 0 || (bits & ~(json_int_t)OPERATIONS_ALL) != 0)
			return error_set(PMIG_ECORRUPT, "resource: operations: not a set of operations");
		r->operations = (unsigned)bits;
	}
	if ((note != NULL && (!json_is_string(note) || json_string_length(note) > PMIG_NAME_MAX)) ||
		(at != NULL && (!json_is_string(at) || json_string_length(at) > PMIG_NAME_MAX)) ||
		(stays != NULL && (!json_is_string(stays) || json_string_length(stays) > PMIG_NAME_MAX)))
		return error_set(PMIG_ECORRUPT, "resource: note, at or no_reference: not a short text");
	if (strcmp(r->row.kind, "memory") != 0 && strcmp(r->row.kind, "library") != 0)
		r->operations |= PLAN_CAN_DROP; /* the runtime does it: a descriptor or handle leads nowhere from then on */
	r->secret_hook = json_is_true(json_object_get(object, "secret_hook"));
	r->note = json_string_value(note);
	r->at = json_string_value(at);
	r->no_reference = json_string_value(stays);
	if (r->no_reference == NULL && r->row.locator != NULL && strcmp(r->row.kind, "other") == 0)
		r->no_reference = uncarried_unknown(r->row.locator);
	r->ahead = json_is_true(json_object_get(object, "ahead")) || strcmp(r->row.kind, "library") == 0;
	return 0;
}

static int read_row(json_t *object, const char *uuid, struct plan_resource *ret_resource)
{
	if (json_is_object(object) && json_object_get(object, "process") == NULL &&
		json_object_set_new(object, "process", json_string(uuid)) < 0)
		return error_set(PMIG_ENOMEM, "not enough memory");
	int r = row_from_json(&row_resource, object, &ret_resource->row);
	if (r >= 0 && strcmp(ret_resource->row.process, uuid) != 0)
		r = error_set(PMIG_ECORRUPT, "resource: belongs to %s", ret_resource->row.process);
	return r < 0 ? r : read_facts(object, ret_resource);
}

int plan_input_create(const json_t *rows, const char *uuid, struct plan_input **ret_input)
{
	size_t count = json_array_size(rows);
	if (!json_is_array(rows) || count > PLAN_INPUT_MAX)
		return error_set(PMIG_ECORRUPT, "resources: not an array of at most %d", PLAN_INPUT_MAX);
	struct plan_input *input = calloc(1, sizeof *input);
	if (input != NULL) {
		input->rows = json_deep_copy(rows); /* row_from_json() changes what it reads */
		input->resources = calloc(count + 1, sizeof *input->resources);
		input->count = count;
	}
	int r = input == NULL || input->rows == NULL || input->resources == NULL
		? error_set(PMIG_ENOMEM, "not enough memory for %zu resources", count)
		: 0;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		r = read_row(json_array_get(input->rows, i), uuid, &input->resources[i]);
		if (r < 0)
			(void)error_prefix(r, "resources: row %zu", i);
	}
	if (r < 0) {
		plan_input_destroy(input);
		return r;
	}
	*ret_input = input;
	return 0;
}

void plan_input_destroy(struct plan_input *input)
{
	if (input == NULL)
		return;
	json_decref(input->rows);
	free(input->resources);
	free(input);
}
