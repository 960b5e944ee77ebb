/* agent_declared: what the program declares goes into the store, many declarations as one change; what a row has no column for is
 * remembered as long as the program is here. */
#include "agent_parts.h"

#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REMEMBERED_MAX (1u << 20) /* declarations of which more than their row is remembered */
#define KINDS_MAX 64
#define DECLARING_MAX 4096
#define OPENED_TEXT 256 /* bytes, with the NUL */

void agent_declared_forget(struct agent *a)
{
	json_decref(a->remembered);
	json_decref(a->kinds);
	free(a->locales);
	free(a->bound);
	a->locales = a->bound = NULL;
	json_decref(a->declaring);
	a->remembered = a->kinds = a->declaring = NULL;
}

/* Takes the next field of `*rest`, in which \\ and \n stand for themselves: control.h. */
static char *next_field(char **rest)
{
	char *begin = strsep(rest, "\n"), *to = begin;
	for (const char *p = begin; p != NULL && *p != '\0'; p++) {
		bool escaped = *p == '\\' && p[1] != '\0';
		p += escaped;
		*to++ = (char)(escaped && *p == 'n' ? '\n' : *p);
	}
	if (to != NULL)
		*to = '\0';
	return begin;
}

static void remember(struct agent *a, int64_t slot, int64_t flags)
{
	char key[24];
	(void)snprintf(key, sizeof key, "%lld", (long long)slot);
	if (a->remembered == NULL)
		a->remembered = json_object();
	if (json_object_size(a->remembered) < REMEMBERED_MAX)
		(void)json_object_set_new(a->remembered, key, json_integer(flags));
}

/* One declaration, as it came: a line of numbers, four of texts. What is none is left out. */
static void enter(struct agent *a, char *record)
{
	long long n[6];
	unsigned long long rate, size;
	char *rest = record;
	const char *numbers = strsep(&rest, "\n");
	if (sscanf(numbers, "+%lld %lld %lld %lld %lld %lld %llu %llu", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &rate,
		    &size) != 8)
		return;
	const char *kind = next_field(&rest), *name = next_field(&rest), *locator = next_field(&rest),
		   *type = next_field(&rest);
	if (type == NULL)
		return;
	char called[PMIG_NAME_MAX + 1];
	(void)snprintf(called, sizeof called, "%.*s", PMIG_NAME_MAX, *name != '\0' ? name : locator);
	remember(a, n[0], n[5]);
	(void)a->store->resource_put(a->store,
		&(struct pmig_resource_row){.process = a->options->uuid,
			.slot = n[0],
			.name = called,
			.kind = kind,
			.locator = locator,
			.binding = (enum pmig_binding)n[1],
			.attachment = (enum pmig_attachment)n[2],
			.type = type,
			.strategy = (enum pmig_strategy)n[3],
			.consent = (unsigned)n[4],
			.shared = (n[5] & 1) != 0,
			.secret = (n[5] & 2) != 0,
			.rate = rate,
			.size = size,
			.origin = (n[5] & CONTROL_FILE_SCOPE) != 0 ? PMIG_AT_FILE_SCOPE : PMIG_AT_RUN_TIME});
}

void agent_declared_flush(struct agent *a)
{
	const char *slot;
	json_t *record;
	if (json_object_size(a->declaring) == 0)
		return;
	bool batch = a->store->batch_begin(a->store) >= 0;
	json_object_foreach(a->declaring, slot, record)
	{
		char text[CONTROL_TEXT_MAX];
		if (json_is_string(record)) {
			memcpy(text, json_string_value(record), json_string_length(record) + 1);
			enter(a, text);
		} else {
			(void)json_object_del(a->remembered, slot);
			(void)a->store->resource_withdraw(a->store, a->options->uuid, strtoll(slot, NULL, 10));
		}
	}
	if (batch)
		(void)a->store->batch_commit(a->store);
	(void)json_object_clear(a->declaring);
}

/* Kept until nothing more has come: of what came and went meanwhile the registry never hears. */
static void take(struct agent *a, const struct control_message *m)
{
	if (a->declaring == NULL)
		a->declaring = json_object();
	for (const char *at = m->text, *end; *at != '\0'; at = end) {
		char slot[24];
		bool declared = *at == '+';
		int lines = declared ? 5 : 1;
		for (end = at; lines > 0 && *end != '\0'; end++)
			lines -= *end == '\n';
		(void)snprintf(slot, sizeof slot, "%lld", strtoll(at + 1, NULL, 10));
		(void)json_object_set_new(a->declaring, slot,
			declared ? json_stringn_nocheck(at, (size_t)(end - at)) : json_null());
	}
	if (json_object_size(a->declaring) > DECLARING_MAX)
		agent_declared_flush(a);
}

/* A kind that the tree does not have: what it can do, in the bits of registry/plan.h. */
static void enter_kind(struct agent *a, const struct control_message *m)
{
	const char *end = strchr(m->text, '\n');
	if (a->kinds == NULL)
		a->kinds = json_object();
	if (end == NULL || end - m->text > PMIG_NAME_MAX || json_object_size(a->kinds) >= KINDS_MAX)
		return;
	char name[PMIG_NAME_MAX + 1];
	(void)snprintf(name, sizeof name, "%.*s", (int)(end - m->text), m->text);
	(void)json_object_set_new(a->kinds, name, json_integer((json_int_t)m->args[0]));
}

bool agent_declared_message(struct agent *a, const struct control_message *m)
{
	switch (m->type) {
	case CONTROL_RESOURCE:
		take(a, m);
		return true;
	case CONTROL_KIND:
		enter_kind(a, m);
		return true;
	case CONTROL_LOCALES:
		free(a->locales);
		a->locales = m->text[0] != '\0' ? strdup(m->text) : NULL;
		return true;
	case CONTROL_BOUND:
		agent_note_bound(a, m->text);
		return true;
	default:
		agent_declared_flush(a); /* what follows may have to be durable */
		return false;
	}
}

/* The flags of CONTROL_RESOURCE. */
static int64_t remembered(const struct agent *a, int64_t slot)
{
	char key[24];
	(void)snprintf(key, sizeof key, "%lld", (long long)slot);
	return json_integer_value(json_object_get(a->remembered, key));
}

int agent_declared_descriptor(const struct agent *a, int64_t slot)
{
	int64_t fd = (remembered(a, slot) >> 8) - 1;
	return fd >= 0 && fd <= INT_MAX ? (int)fd : -1;
}

bool agent_declared_same(const struct agent *a, int one, int other)
{
	return syscall(SYS_kcmp, a->pid, a->pid, KCMP_FILE, (unsigned long)one, (unsigned long)other) == 0;
}

bool agent_declared_brought(const struct agent *a, const char *kind)
{
	return json_object_get(a->kinds, kind) != NULL;
}

/* --- where it was opened, in the program's own memory --- */

static size_t peek(const struct agent *a, uint64_t from, void *to, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
	ssize_t n = process_vm_readv(a->pid, &here, 1, &there, 1, 0);
	return n > 0 ? (size_t)n : 0;
}

static bool opened_at(const struct agent *a, int64_t fd, char ret_text[OPENED_TEXT])
{
	struct control_opened head;
	uint64_t table, text;
	if (a->opened == 0 || a->pid <= 0 || fd < 0 || peek(a, a->opened, &table, sizeof table) < sizeof table ||
		table == 0 || peek(a, table, &head, sizeof head) < sizeof head || head.magic != CONTROL_OPENED_MAGIC ||
		(uint64_t)fd >= head.count ||
		peek(a, table + sizeof head + (uint64_t)fd * sizeof text, &text, sizeof text) < sizeof text || text == 0)
		return false;
	size_t n = peek(a, text, ret_text, OPENED_TEXT);
	return memchr(ret_text, '\0', n) != NULL && *ret_text != '\0';
}

void agent_declared_note(const struct agent *a, json_t *row)
{
	char opened[OPENED_TEXT];
	if (agent_text(row, "opened")[0] == '\0' && opened_at(a, agent_number(row, "fd", -1), opened))
		(void)json_object_set_new(row, "opened", json_string(opened));
	const json_t *operations = json_object_get(a->kinds, agent_text(row, "kind"));
	if ((remembered(a, agent_number(row, "slot", -1)) & CONTROL_SECRET_HOOK) != 0)
		(void)json_object_set_new(row, "secret_hook", json_true());
	if (operations != NULL)
		(void)json_object_set_new(row, "operations", json_integer(json_integer_value(operations)));
}
