/* fuzz_plan: any text as what an agent tells of a program, of the target and of the way, with the limits of a request: it is refused by row and
 * member, or there is a plan, the same each time, which can be shown, and whose references keep within what was allowed.
 * sources: runtime/base/*.c registry/*.c
 * libraries: sqlite3 jansson m
 * Pure. */
#include "registry/plan_input.h"
#include "registry/plan_limits.h"
#include "registry/plan_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UUID "0f0e0d0c-0b0a-4908-8706-050403020100"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* [value, source] */
static struct plan_fact fact(const json_t *facts, const char *name)
{
	const json_t *pair = json_object_get(facts, name);
	json_int_t source = json_integer_value(json_array_get(pair, 1));
	if (source < PLAN_DECLARED || source > PLAN_ASKED)
		return (struct plan_fact){0};
	return (struct plan_fact){
		.value = (uint64_t)json_integer_value(json_array_get(pair, 0)), .source = (enum plan_source)source};
}

static char *shown(const struct plan *p)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (out == NULL || plan_show_json(p, out) < 0 ||
		plan_show_text(p, &(struct plan_show_options){.columns = 80}, out) < 0 || fclose(out) != 0)
		abort();
	return text;
}

static void plan(const struct plan_input *input, const struct plan_facts *facts, const struct plan_limits *limits)
{
	struct plan *p, *again;
	int r = plan_make(input->resources, input->count, facts, limits, &p);
	if (r == PMIG_EINVAL)
		return; /* a resource without binding or attachment */
	if (r < 0 || plan_make(input->resources, input->count, facts, limits, &again) < 0)
		abort();
	char *text = shown(p), *same = shown(again);
	if (strcmp(text, same) != 0)
		abort();
	if (p->refusal == NULL && limits->reference > 0 && p->total.rate > (double)limits->reference)
		abort();
	if (p->count != input->count || (plan_check(p) < 0) != (p->refusal != NULL))
		abort();
	free(text);
	free(same);
	plan_destroy(p);
	plan_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *all = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	const json_t *f = json_object_get(all, "facts");
	struct plan_limits limits = {0};
	struct plan_input *input;
	if (plan_limits_from_json(json_object_get(all, "limits"), &limits) >= 0 &&
		plan_input_create(json_object_get(all, "rows"), UUID, &input) >= 0) {
		for (size_t i = 0; i < input->count; i++) {
			struct plan_resource *r = &input->resources[i];
			r->size = fact(f, "size"), r->rate = fact(f, "rate"), r->trips = fact(f, "trips");
			r->sharers = fact(f, "sharers"), r->same_content = fact(f, "same"),
			r->providers = fact(f, "providers");
			r->reached = fact(f, "reached");
		}
		plan(input,
			&(struct plan_facts){.process = "fuzz",
				.source = "alpha",
				.target = "beta",
				.image = fact(f, "image"),
				.program = fact(f, "program"),
				.space = fact(f, "space"),
				.bandwidth = fact(f, "bandwidth"),
				.rtt = fact(f, "rtt"),
				.remaining = fact(f, "remaining")},
			&limits);
		plan_input_destroy(input);
	}
	json_decref(all);
	return 0;
}
