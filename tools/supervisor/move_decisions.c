/* move_decisions: the plan travels: what was decided for each resource goes to the source's agent before the freeze, which hands it to the
 * program (runtime/decision.h). */
#include "planning.h"

#include "registry/plan.h"
#include "runtime/base/hex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (PACKET_JSON_MAX / 4)

/* How many bytes it may have at the freeze without breaking a limit; 0: any number. */
static uint64_t most_of(const struct plan *plan, const struct plan_decision *d, const struct plan_fact *size)
{
	const struct plan_limits *l = &plan->limits;
	double room = INFINITY;
	if ((d->strategy != PMIG_MOVE && d->strategy != PMIG_COPY) || size->source == 0)
		return 0;
	if (l->transfer != 0)
		room = (double)l->transfer - (double)plan->total.bytes;
	if (l->frozen > 0 && plan->facts.bandwidth.source != 0 && !isnan(plan->total.frozen))
		room = fmin(room, (l->frozen - plan->total.frozen) * (double)plan->facts.bandwidth.value);
	return isinf(room) ? 0 : size->value + (uint64_t)fmax(room, 0) + 1;
}

static void set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

/* Any bytes but none: {"hex": ...} where they are not UTF-8. */
static void set_text(json_t *object, const char *key, const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;
	json_t *value = n > 0 ? json_string(text) : NULL;
	char *hex = n > 0 && value == NULL ? malloc(2 * n + 1) : NULL;
	if (hex != NULL) {
		hex_put(text, n, hex);
		value = json_pack("{s:s}", "hex", hex);
	}
	if (value != NULL)
		set(object, key, value);
	free(hex);
}

static void set_flag(json_t *object, const char *key, bool is)
{
	if (is)
		set(object, key, json_true());
}

static json_t *one(const struct planning *p, size_t i)
{
	const struct plan_decision *d = &p->plan->decisions[i];
	const struct plan_resource *r = &p->input->resources[i];
	const json_t *row = facts_row(p, i), *fd = json_object_get(row, "fd");
	json_t *o = json_pack("{s:I, s:I, s:i, s:s}", "slot", (json_int_t)d->slot, "fd",
		json_is_integer(fd) ? json_integer_value(fd) : -1, "strategy", (int)d->strategy, "kind", d->kind);
	set(o, "device", json_integer(json_integer_value(json_object_get(row, "device"))));
	set(o, "inode", json_integer(json_integer_value(json_object_get(row, "inode"))));
	set(o, "most", json_integer((json_int_t)most_of(p->plan, d, &r->size)));
	set(o, "binding", json_integer((json_int_t)r->row.binding));
	set(o, "attachment", json_integer((json_int_t)r->row.attachment));
	set(o, "consent", json_integer((json_int_t)r->row.consent));
	set_text(o, "type", r->row.type);
	set_text(o, "there", *ahead_path(p->move, i) != '\0' ? ahead_path(p->move, i) : d->there);
	set_text(o, "content", ahead_hash(p->move, i));
	set_flag(o, "kept", d->kept);
	set_flag(o, "dropped", d->dropped);
	set_flag(o, "part", d->part);
	set_flag(o, "policy", d->origin == PMIG_BY_POLICY);
	set_flag(o, "undeclared", d->origin == PMIG_UNDECLARED);
	set_flag(o, "shared", r->row.shared);
	set_flag(o, "shared_found", r->sharers.value > 0);
	set_flag(o, "secret", r->row.secret);
	return o;
}

static void send(const struct move *m, json_int_t from, json_t *some)
{
	remote_request(m->source, "decisions", json_pack("{s:I, s:o}", "from", from, "decisions", some), NULL, NULL);
}

json_int_t decisions_send(const struct move *m)
{
	const struct planning *p = m->planning;
	json_t *some = json_array();
	json_int_t count = 0, from = 0;
	size_t bytes = 0;
	for (size_t i = 0; m->plan != NULL && i < m->plan->count; i++) {
		const struct plan_decision *d = &m->plan->decisions[i];
		if (strcmp(d->kind, "library") == 0)
			continue; /* the dynamic linker's */
		(void)json_array_append_new(some, one(p, i));
		bytes += 320 + 2 * strlen(d->there);
		count++;
		if (bytes > CHUNK_BYTES) {
			send(m, from, some);
			from = count;
			some = json_array();
			bytes = 0;
		}
	}
	send(m, from, some);
	return count;
}
