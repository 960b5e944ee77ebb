/* What the planner decided on its way through the agent into the program: whole, in order, and believed only as far as it can be checked;
 * and what becomes of a thing that is not the one any more that was planned. */
#include "arena/heap.h"
#include "arena/interpose.h"
#include "resource/choose.h"
#include "resource/planned.h"
#include "transport/agent_parts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* No instrumented program is behind this. */
#include "frame/program.h"
const struct program pmig_program = {0};

static struct agent agent = {.name = "planned"};

static int send(json_int_t from, json_t *some)
{
	json_t *request = json_pack("{s:I, s:o}", "from", from, "decisions", some), *answer = NULL;
	int r = agent_do_decisions(&agent, request, &answer);
	json_decref(request);
	return r;
}

static json_t *file_at(int fd, int strategy)
{
	return json_pack("{s:I, s:i, s:i, s:s, s:i, s:i, s:i, s:i, s:i}", "slot", (json_int_t)(1 << 24) + fd, "fd", fd,
		"strategy", strategy, "kind", "file", "device", 7, "inode", 100 + fd, "binding", PMIG_BY_IDENTIFIER,
		"attachment", PMIG_UNATTACHED, "most", 0);
}

static json_t *handle_at(json_int_t slot)
{
	return json_pack("{s:I, s:i, s:i, s:s, s:s, s:b}", "slot", slot, "fd", -1, "strategy", PMIG_REFER, "kind",
		"database", "there", "kept there", "kept", 1);
}

/* What the program gets of three files and two handles, in two pages and in no order. */
static int plan_of_five(void)
{
	json_t *spoilt = file_at(4, PMIG_COPY);
	json_object_set_new(spoilt, "there", json_pack("{s:s}", "hex", "2ffe0a78"));
	json_object_set_new(spoilt, "dropped", json_true());
	assert_int_equal(send(0, json_pack("[o,o,o]", file_at(9, PMIG_MOVE), handle_at(8), spoilt)), 0);
	assert_int_equal(send(3, json_pack("[o,o]", handle_at(2), file_at(0, PMIG_REFER))), 0);
	int fd = agent_plan_file(&agent, 5);
	assert_true(fd >= 0);
	return fd;
}

static void it_arrives_whole_and_in_order(void **state)
{
	(void)state;
	bool other;
	struct stat st = {.st_dev = 7, .st_ino = 104};
	int fd = plan_of_five();
	assert_int_equal(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE, F_SEAL_WRITE);
	assert_int_equal(planned_take(fd), 0);
	assert_true(planned_exists());
	const struct decision_record *d = planned_descriptor(4, &st, &other);
	assert_non_null(d);
	assert_int_equal(d->strategy, PMIG_COPY);
	assert_int_equal(d->flags, DECISION_DROPPED);
	assert_string_equal(planned_text(d->there), "/\xfe\nx");
	assert_string_equal(planned_text(d->kind), "file");
	assert_string_equal(planned_text(d->content), "");
	d = planned_slot(8);
	assert_non_null(d);
	assert_int_equal(d->flags, DECISION_KEPT);
	assert_string_equal(planned_text(d->there), "kept there");
	assert_non_null(planned_slot(2));
	assert_null(planned_slot(3));
	assert_null(planned_slot((1 << 24) + 9)); /* that is a descriptor */
	planned_forget();
	assert_false(planned_exists());
}

/* A block that the program has given back may still have its address in an array that was never filled: what lies there while pointers
 * are looked for would refuse the move. */
static void it_takes_no_place_of_the_heap(void **state)
{
	(void)state;
	free(malloc(1));
	assert_int_equal(planned_take(plan_of_five()), 0);
	assert_false(interpose_heap() != NULL && heap_owns(interpose_heap(), planned_text(0)));
	planned_forget();
}

static void another_thing_is_not_the_planned_one(void **state)
{
	(void)state;
	bool other;
	assert_int_equal(planned_take(plan_of_five()), 0);
	assert_non_null(planned_descriptor(9, &(struct stat){.st_dev = 7, .st_ino = 109}, &other));
	assert_false(other);
	assert_null(planned_descriptor(9, &(struct stat){.st_dev = 7, .st_ino = 110}, &other));
	assert_true(other);
	assert_null(planned_descriptor(5, &(struct stat){.st_dev = 7, .st_ino = 105}, &other));
	assert_false(other);
	planned_forget();
}

static void what_is_missing_is_refused(void **state)
{
	(void)state;
	assert_int_equal(send(0, json_pack("[o]", handle_at(1))), 0);
	assert_int_equal(send(2, json_pack("[o]", handle_at(2))), PMIG_EPROTOCOL);
	assert_int_equal(agent_plan_file(&agent, 2), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "2 decisions, and 1 of them arrived"));
	assert_int_equal(agent_plan_file(&agent, -1), PMIG_ENOENT);
	json_t *request = json_object(), *answer = NULL;
	assert_int_equal(agent_do_decisions(&agent, request, &answer), PMIG_EPROTOCOL);
	json_decref(request);
	json_t *long_one = handle_at(1);
	char text[DECISION_TEXT_MAX + 1];
	memset(text, 'x', sizeof text);
	json_object_set_new(long_one, "there", json_stringn(text, sizeof text));
	assert_int_equal(send(0, json_pack("[o]", long_one)), 0);
	assert_int_equal(agent_plan_file(&agent, 1), PMIG_EREFUSED);
}

/* --- bytes from outside --- */

static int take(const char *bytes, size_t size)
{
	int fd = memfd_create("planned", MFD_CLOEXEC);
	assert_int_equal(write(fd, bytes, size), size);
	return planned_take(fd);
}

static char *bytes_of_five(size_t *ret_size)
{
	int fd = plan_of_five();
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	char *bytes = malloc((size_t)st.st_size + 1);
	assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	close(fd);
	*ret_size = (size_t)st.st_size;
	return bytes;
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	size_t size;
	char *bytes = bytes_of_five(&size);
	for (size_t n = 0; n < size; n++) {
		int r = take(bytes, n);
		assert_true(r == PMIG_ECORRUPT || r == PMIG_EVERSION);
		assert_false(planned_exists());
	}
	bytes[size] = 0;
	assert_int_equal(take(bytes, size + 1), PMIG_ECORRUPT);
	assert_int_equal(take(bytes, size), 0);
	planned_forget();
	free(bytes);
}

/* Either it is refused, or what is read of it lies within it. */
static void every_bit_flip_is_harmless(void **state)
{
	(void)state;
	size_t size, refused = 0, slots[] = {2, 8};
	char *bytes = bytes_of_five(&size);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		if (take(bytes, size) < 0) {
			refused++;
		} else {
			for (int fd = 0; fd < 10; fd++) {
				bool other;
				const struct decision_record *d = planned_descriptor(fd,
					&(struct stat){.st_dev = 7, .st_ino = 100 + (ino_t)fd}, &other);
				assert_true(d == NULL || strlen(planned_text(d->there)) < DECISION_TEXT_MAX);
			}
			for (size_t i = 0; i < 2; i++)
				(void)planned_slot((int64_t)slots[i]);
		}
		bytes[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_true(refused > 200);
	planned_forget();
	free(bytes);
}

/* --- what is done with one thing --- */

static int can(struct pmig_resource *r, struct pmig_reader *in)
{
	(void)r, (void)in;
	return 0;
}

static const struct pmig_kind file = {.name = "file", .move = can, .copy = can, .rebind = can}, socket_ = {.name = "socket"};

struct row {
	const char *name;
	const struct pmig_kind *kind;
	struct pmig_declaration d;
	bool declared, planned, other, hook;
	struct decision_record p; /* its texts: kind "file" */
	uint64_t size;
	const char *shared_with;     /* NULL: nobody */
	enum pmig_strategy strategy; /* 0: refused, with */
	const char *words;
	bool empty;
};

#define IDENTIFIER .binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_UNATTACHED
#define VALUE .binding = PMIG_BY_VALUE, .attachment = PMIG_UNATTACHED
#define PLANNED(...) .planned = true, .p = {.kind = 1, __VA_ARGS__}

static const struct row rows[] = {
	{"as planned", &file, {IDENTIFIER}, PLANNED(IDENTIFIER, .strategy = PMIG_MOVE), .strategy = PMIG_MOVE},
	{"another choice of the plan", &file, {IDENTIFIER}, PLANNED(IDENTIFIER, .strategy = PMIG_REBIND),
		.strategy = PMIG_REBIND},
	{"it means something else now", &file, {VALUE}, PLANNED(IDENTIFIER, .strategy = PMIG_MOVE),
		.words = "took it as by identifier, unattached, and now it is by value"},
	{"it is another kind now", &socket_, {IDENTIFIER}, PLANNED(IDENTIFIER, .strategy = PMIG_MOVE),
		.words = "the plan took it for a file, and now it is a socket; move again"},
	{"it was declared since", &file, {IDENTIFIER}, .declared = true,
		PLANNED(IDENTIFIER, .strategy = PMIG_MOVE, .flags = DECISION_UNDECLARED),
		.words = "it was declared after the plan was made; move again"},
	{"as large as it may be", &file, {IDENTIFIER}, PLANNED(IDENTIFIER, .strategy = PMIG_MOVE, .most = 100), .size = 100,
		.strategy = PMIG_MOVE},
	{"it has grown", &file, {IDENTIFIER}, PLANNED(IDENTIFIER, .strategy = PMIG_MOVE, .most = 100), .size = 101,
		.words = "it has grown to 101 bytes since the plan was made, and the limits allow 100"},
	{"others use it since", &file, {IDENTIFIER}, PLANNED(IDENTIFIER, .strategy = PMIG_MOVE),
		.shared_with = "process 7 (tail)",
		.words = "it is shared now with process 7 (tail), which it was not when the plan was made"},
	{"others used it before", &file, {IDENTIFIER},
		PLANNED(IDENTIFIER, .strategy = PMIG_MOVE, .flags = DECISION_SHARED_FOUND),
		.shared_with = "process 7 (tail)", .strategy = PMIG_MOVE},
	{"what its kind cannot", &file, {IDENTIFIER}, PLANNED(IDENTIFIER, .strategy = PMIG_REFER),
		.words = "the plan says reference, which this program cannot do with a file"},
	{"the plan refuses", &file, {IDENTIFIER}, PLANNED(IDENTIFIER, .strategy = PMIG_REFUSE),
		.words = "the plan refuses to move it"},
	{"dropped, as planned", &file, {IDENTIFIER}, PLANNED(IDENTIFIER, .strategy = PMIG_REBIND, .flags = DECISION_DROPPED),
		.strategy = PMIG_REBIND, .empty = true},
	{"part of the process", &file, {VALUE}, PLANNED(VALUE, .strategy = PMIG_MOVE, .flags = DECISION_PART),
		.strategy = PMIG_COPY},
	{"opened since: its own rules", &file, {VALUE}, .strategy = PMIG_COPY},
	{"opened since, and nobody can take it", &socket_, {IDENTIFIER}, .words = "opened after the plan was made"},
	{"opened since, with consent to its loss", &socket_, {IDENTIFIER, .consent = PMIG_LOSS}, .strategy = PMIG_REBIND,
		.empty = true},
	{"opened since, to be rebound", &file, {.binding = PMIG_BY_TYPE, .attachment = PMIG_FIXED, .type = "x"},
		.declared = true, .words = "it would be rebound, and the target was not asked what it has"},
	{"in the place of another", &socket_, {IDENTIFIER}, .other = true, .words = "took the place of what was there"},
	{"a demand that its kind cannot meet", &socket_, {IDENTIFIER, .strategy = PMIG_MOVE},
		.words = "declared: move, which is impossible for a socket"},
	{"it means nothing", &file, {0}, .words = "file: binding or attachment is not set"},
	{"a secret with its hook", &file, {IDENTIFIER, .secret = true}, .hook = true, .strategy = PMIG_REBIND,
		.empty = true},
	{"a secret without one", &file, {IDENTIFIER, .secret = true},
		.words = "it is secret, and its declaration has no hook that obtains it anew"},
	{"a secret that the plan would copy", &file, {IDENTIFIER, .secret = true}, .hook = true,
		PLANNED(IDENTIFIER, .strategy = PMIG_COPY), .words = "the plan says copy, and it is secret"},
};

static void each_thing_gets_what_it_should(void **state)
{
	(void)state;
	/* a plan with one text, "file" at 1, and no decision that is looked up */
	struct {
		struct decision_header h;
		char texts[8];
	} empty = {{DECISION_MAGIC, DECISION_VERSION, sizeof(struct decision_record), 0, 8}, "\0file"};
	assert_int_equal(take((const char *)&empty, sizeof empty), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct pmig_resource r = {.kind = row->kind,
			.declaration = row->d,
			.declared = row->declared,
			.size = row->size,
			.locator = "x"};
		r.shared = row->shared_with != NULL;
		(void)snprintf(r.shared_with, sizeof r.shared_with, "%s", row->shared_with != NULL ? row->shared_with : "");
		int e = choose_strategy(&r, row->planned ? &row->p : NULL, row->other, row->hook);
		if (row->words != NULL && (e != PMIG_EREFUSED || strstr(pmig_reason(), row->words) == NULL))
			fail_msg("%s: %d, %s", row->name, e, e < 0 ? pmig_reason() : "not refused");
		if (row->words == NULL && (e < 0 || r.strategy != row->strategy || choose_empty(&r) != row->empty))
			fail_msg("%s: %d, strategy %d, %s", row->name, e, (int)r.strategy, e < 0 ? pmig_reason() : "");
	}
	planned_forget();
}

static void a_policy_speaks_where_the_program_does_not(void **state)
{
	(void)state;
	const struct decision_record p = {
		VALUE, .flags = DECISION_POLICY | DECISION_SHARED, .consent = PMIG_DIVERGENCE, .strategy = PMIG_COPY};
	struct pmig_resource r = {.kind = &file}, declared = {.kind = &file, .declaration = {IDENTIFIER}, .declared = true};
	choose_policy(&r, &p);
	assert_true(r.declared && r.declaration.shared);
	assert_int_equal(r.declaration.binding, PMIG_BY_VALUE);
	assert_int_equal(r.declaration.consent, PMIG_DIVERGENCE);
	choose_policy(&declared, &p);
	assert_int_equal(declared.declaration.binding, PMIG_BY_IDENTIFIER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_arrives_whole_and_in_order),
		cmocka_unit_test(it_takes_no_place_of_the_heap),
		cmocka_unit_test(another_thing_is_not_the_planned_one),
		cmocka_unit_test(what_is_missing_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_bit_flip_is_harmless),
		cmocka_unit_test(each_thing_gets_what_it_should),
		cmocka_unit_test(a_policy_speaks_where_the_program_does_not),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	agent_forget_plan(&agent);
	return failed;
}
