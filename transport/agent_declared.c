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
#define OPENED_TEXT 256 /* bytes, with the NUL */

static void begin_batch(struct agent *a)
{
	if (!a->declaring)
		a->declaring = a->store->batch_begin(a->store) >= 0;
}

void agent_declared_flush(struct agent *a)
{
	if (a->declaring)
		(void)a->store->batch_commit(a->store);
	a->declaring = false;
}

void agent_declared_forget(struct agent *a)
{
	json_decref(a->remembered);
	json_decref(a->kinds);
	a->remembered = a->kinds = NULL;
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

static void forget_slot(struct agent *a, int64_t slot)
{
	char key[24];
	(void)snprintf(key, sizeof key, "%lld", (long long)slot);
	(void)json_object_del(a->remembered, key);
}

static void enter(struct agent *a, const struct control_message *m)
{
	char text[CONTROL_TEXT_MAX];
	memcpy(text, m->text, m->size + 1);
	char *rest = text;
	const char *kind = next_field(&rest), *name = next_field(&rest), *locator = next_field(&rest),
		   *type = next_field(&rest);
	if (locator == NULL)
		return;
	char called[PMIG_NAME_MAX + 1];
	(void)snprintf(called, sizeof called, "%.*s", PMIG_NAME_MAX, *name != '\0' ? name : locator);
	remember(a, m->args[0], m->args[5]);
	begin_batch(a);
	(void)a->store->resource_put(a->store,
		&(struct pmig_resource_row){.process = a->options->uuid,
			.slot = m->args[0],
			.name = called,
			.kind = kind,
			.locator = locator,
			.binding = (enum pmig_binding)m->args[1],
			.attachment = (enum pmig_attachment)m->args[2],
			.type = type,
			.strategy = (enum pmig_strategy)m->args[3],
			.consent = (unsigned)m->args[4],
			.shared = (m->args[5] & 1) != 0,
			.secret = (m->args[5] & 2) != 0,
			.rate = (uint64_t)m->args[6],
			.size = (uint64_t)m->args[7],
			.origin = (m->args[5] & CONTROL_FILE_SCOPE) != 0 ? PMIG_AT_FILE_SCOPE : PMIG_AT_RUN_TIME});
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
		enter(a, m);
		return true;
	case CONTROL_WITHDRAW:
		begin_batch(a);
		forget_slot(a, m->args[0]);
		(void)a->store->resource_withdraw(a->store, a->options->uuid, m->args[0]);
		return true;
	case CONTROL_KIND:
		enter_kind(a, m);
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
