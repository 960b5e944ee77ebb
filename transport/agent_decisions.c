/* agent_decisions: what was decided for the program's resources comes from the supervisor before the freeze, in pages, and goes to the
 * program as one sealed file (runtime/decision.h). */
#include "agent_parts.h"
#include "hex_text.h"

#include "../runtime/decision.h"
#include "runtime/base/hex.h"
#include "runtime/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes, about, of what the program decided, in one answer: a packet has room for twice as much. */
#define TOLD_BYTES (PACKET_JSON_MAX / 2)

/* The file, as it grows. */
struct file {
	struct decision_record *records;
	size_t count;
	char *texts;
	size_t size, room;
};

void agent_forget_plan(struct agent *a)
{
	json_decref(a->planned);
	a->planned = NULL;
}

int agent_do_decisions(struct agent *a, const json_t *request, json_t **ret_answer)
{
	(void)ret_answer;
	const json_t *some = json_object_get(request, "decisions");
	int64_t from = agent_number(request, "from", -1);
	if (from == 0)
		agent_forget_plan(a);
	if (a->planned == NULL && from == 0)
		a->planned = json_array();
	if (!json_is_array(some) || a->planned == NULL || (size_t)from != json_array_size(a->planned))
		return error_set(PMIG_EPROTOCOL, "agent: decisions from %lld on do not follow those before",
			(long long)from);
	if (json_array_size(a->planned) + json_array_size(some) > DECISION_COUNT_MAX)
		return error_set(PMIG_EREFUSED, "agent: more than %d decisions", DECISION_COUNT_MAX);
	return json_array_extend(a->planned, (json_t *)some) < 0 ? error_set(PMIG_ENOMEM, "agent: out of memory") : 0;
}

/* A text of any bytes, as rows travel: {"hex": ...} where it is not UTF-8. */
static int take_text(const json_t *object, const char *key, char ret_text[DECISION_TEXT_MAX])
{
	const json_t *member = json_object_get(object, key), *hex = json_object_get(member, "hex");
	const char *text = json_string_value(hex != NULL ? hex : member);
	size_t n = 0;
	for (; text != NULL && *text != '\0' && n < DECISION_TEXT_MAX - 1; n++) {
		int high = hex != NULL ? hex_digit(text[0]) : 0, low = hex != NULL && high >= 0 ? hex_digit(text[1]) : 0;
		if (high < 0 || low < 0)
			return error_set(PMIG_EPROTOCOL, "agent: decision: \"%s\" is no text", key);
		ret_text[n] = hex != NULL ? (char)(high << 4 | low) : *text;
		text += hex != NULL ? 2 : 1;
	}
	if (text != NULL && *text != '\0')
		return error_set(PMIG_EREFUSED, "agent: decision: \"%s\" is longer than %d bytes", key,
			DECISION_TEXT_MAX - 1);
	ret_text[n] = '\0';
	return 0;
}

/* Its offset; equal texts that follow each other are not looked for. */
static int put_text(struct file *f, const json_t *object, const char *key, uint32_t *ret_offset)
{
	char text[DECISION_TEXT_MAX];
	int r = take_text(object, key, text);
	size_t n = r < 0 ? 0 : strlen(text) + 1;
	if (r < 0 || n == 1) {
		*ret_offset = 0;
		return r;
	}
	if (f->size + n > DECISION_TEXTS_MAX)
		return error_set(PMIG_EREFUSED, "agent: the texts of the decisions are too long");
	if (f->size + n > f->room) {
		size_t room = 2 * (f->size + n);
		char *more = realloc(f->texts, room);
		if (more == NULL)
			return error_set(PMIG_ENOMEM, "agent: out of memory");
		f->texts = more;
		f->room = room;
	}
	memcpy(f->texts + f->size, text, n);
	*ret_offset = (uint32_t)f->size;
	f->size += n;
	return 0;
}

static uint32_t flag(const json_t *object, const char *key, uint32_t which)
{
	return json_is_true(json_object_get(object, key)) ? which : 0;
}

static int put_record(struct file *f, const json_t *o)
{
	struct decision_record *d = &f->records[f->count++];
	*d = (struct decision_record){.slot = agent_number(o, "slot", 0),
		.device = (uint64_t)agent_number(o, "device", 0),
		.inode = (uint64_t)agent_number(o, "inode", 0),
		.most = (uint64_t)agent_number(o, "most", 0),
		.fd = (int32_t)agent_number(o, "fd", -1),
		.strategy = (uint32_t)agent_number(o, "strategy", PMIG_REFUSE),
		.binding = (uint32_t)agent_number(o, "binding", 0),
		.attachment = (uint32_t)agent_number(o, "attachment", 0),
		.consent = (uint32_t)agent_number(o, "consent", 0)};
	d->flags = flag(o, "kept", DECISION_KEPT) | flag(o, "dropped", DECISION_DROPPED) | flag(o, "part", DECISION_PART) |
		flag(o, "policy", DECISION_POLICY) | flag(o, "undeclared", DECISION_UNDECLARED) |
		flag(o, "shared", DECISION_SHARED) | flag(o, "shared_found", DECISION_SHARED_FOUND) |
		flag(o, "secret", DECISION_SECRET);
	int r = put_text(f, o, "kind", &d->kind);
	if (r >= 0)
		r = put_text(f, o, "type", &d->type);
	if (r >= 0)
		r = put_text(f, o, "there", &d->there);
	return r < 0 ? r : put_text(f, o, "content", &d->content);
}

static int in_order(const void *a, const void *b)
{
	const struct decision_record *x = a, *y = b;
	if (x->fd != y->fd)
		return x->fd < y->fd ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static int fill(struct file *f, const json_t *decisions)
{
	size_t i;
	const json_t *o;
	f->records = calloc(json_array_size(decisions) + 1, sizeof *f->records);
	f->texts = calloc(1, 4096);
	f->room = 4096;
	f->size = 1; /* offset 0 is "" */
	if (f->records == NULL || f->texts == NULL)
		return error_set(PMIG_ENOMEM, "agent: out of memory");
	json_array_foreach(decisions, i, o)
	{
		int r = put_record(f, o);
		if (r < 0)
			return r;
	}
	qsort(f->records, f->count, sizeof *f->records, in_order);
	return 0;
}

static int write_file(const struct file *f, int fd)
{
	const struct decision_header h = {.magic = DECISION_MAGIC,
		.version = DECISION_VERSION,
		.record_size = sizeof(struct decision_record),
		.count = (uint32_t)f->count,
		.text_size = (uint32_t)f->size};
	if (io_write_all(fd, &h, sizeof h) < 0 || io_write_all(fd, f->records, f->count * sizeof *f->records) < 0 ||
		io_write_all(fd, f->texts, f->size) < 0)
		return error_prefix(PMIG_EIO, "agent: the decisions");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return error_errno(PMIG_EIO, errno, "agent: the decisions cannot be sealed");
	return 0;
}

int agent_plan_file(struct agent *a, int64_t expected)
{
	if (expected < 0)
		return error_set(PMIG_ENOENT, "agent: no plan");
	if (a->planned == NULL || (int64_t)json_array_size(a->planned) != expected)
		return error_set(PMIG_EREFUSED, "%s: the plan has %lld decisions, and %zu of them arrived", a->name,
			(long long)expected, json_array_size(a->planned));
	struct file f = {0};
	int fd = memfd_create("pmig-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = fd < 0 ? error_errno(PMIG_EIO, errno, "agent: the decisions") : fill(&f, a->planned);
	if (r >= 0)
		r = write_file(&f, fd);
	free(f.records);
	free(f.texts);
	agent_forget_plan(a);
	if (r < 0 && fd >= 0)
		(void)close(fd);
	return r < 0 ? r : fd;
}

/* --- what the program decided itself, at its last checkpoint --- */

void agent_note_decision(struct agent *a, const struct control_message *m)
{
	const char *end = strchr(m->text, '\n');
	if (a->decided == NULL)
		a->decided = json_array();
	json_t *one = json_pack("{s:I, s:i}", "fd", (json_int_t)m->args[0], "strategy", (int)m->args[1]);
	a->decided_size += 40;
	if (m->args[2] != 0)
		(void)json_object_set_new(one, "how", json_integer(m->args[2]));
	if (m->args[3] != 0) { /* the plan's own number says it all */
		(void)json_object_set_new(one, "slot", json_integer(m->args[3]));
	} else if (end != NULL) {
		a->decided_size += 2 * (size_t)m->size;
		(void)json_object_set_new(one, "kind", json_stringn(m->text, (size_t)(end - m->text)));
		(void)json_object_set_new(one, "locator", hex_text_json(end + 1));
	}
	if (a->decided_size < TOLD_BYTES)
		(void)json_array_append_new(a->decided, one);
	else
		json_decref(one); /* so many things that what is decided of the others cannot be told with the image */
}

void agent_forget_decisions(struct agent *a)
{
	json_decref(a->decided);
	a->decided = NULL;
	a->decided_size = 0;
}
