/* declare: the list of declarations: what closing, freeing and declaring again do to it, and what the agent hears of it and when. */
#include "resource/declare.h"
#include "arena/arena.h"
#include "arena/malloc.h"
#include "control.h"
#include "resource/replaced.h"
#include "resource/resource.h"

#include "control_channel.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "frame/program.h"
const struct program pmig_program = {0};

static int agent; /* our end of the channel */

static const struct pmig_declaration value = {.binding = PMIG_BY_VALUE, .attachment = PMIG_UNATTACHED};

static int begin(void **state)
{
	(void)state;
	int ends[2];
	char number[16];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	agent = ends[0];
	snprintf(number, sizeof number, "%d", ends[1]);
	setenv("PMIG_CONTROL", number, 1);
	assert_int_equal(arena_create(), 0);
	assert_int_equal(control_start(""), 1);
	struct control_message m;
	assert_true(recv(agent, &m, sizeof m, 0) > 0);
	assert_int_equal(m.type, CONTROL_HELLO);
	return 0;
}

/* What the agent heard since the last time, all messages together. */
static const char *heard(void)
{
	static char all[65536];
	struct control_message m;
	size_t n = 0;
	all[0] = '\0';
	while (recv(agent, &m, sizeof m, MSG_DONTWAIT) > 0) {
		assert_int_equal(m.type, CONTROL_RESOURCE);
		n += (size_t)snprintf(all + n, sizeof all - n, "%.*s", (int)m.size, m.text);
	}
	return all;
}

static size_t count(void)
{
	size_t n = 0;
	for (struct declared *e = declare_first(); e != NULL; e = e->next)
		n++;
	return n;
}

static int null(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Declaring says nothing and asks for the next safe point; there, everything at once. */
static void the_agent_hears_at_the_safe_point(void **state)
{
	(void)state;
	int a = null(), b = null();
	char want[512];
	pmig_poll = 0;
	assert_int_equal(pmig_declare_fd(a, &value), 0);
	assert_int_equal(pmig_poll, 1);
	struct pmig_declaration d = value;
	d.name = "two\nlines\\";
	d.type = "t";
	d.rate = 7;
	d.shared = true;
	assert_int_equal(pmig_declare_fd(b, &d), 0);
	assert_string_equal(heard(), "");
	resource_tell();
	snprintf(want, sizeof want,
		"+2 2 1 0 0 %d 7 0\ndevice\ntwo\\nlines\\\\\n/dev/null\nt\n+1 2 1 0 0 %d 0 0\ndevice\n\n/dev/null\n\n",
		(b + 1) << 8 | 1, (a + 1) << 8);
	assert_string_equal(heard(), want);
	resource_tell();
	assert_string_equal(heard(), "");
	pmig_poll = 0;
	assert_int_equal(pmig_close(a), 0);
	assert_int_equal(pmig_poll, 1);
	assert_int_equal(pmig_close(b), 0);
	resource_tell();
	assert_string_equal(heard(), "-2\n-1\n");
	assert_int_equal(count(), 0);
}

static void what_came_and_went_is_never_told(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		int fd = null();
		assert_int_equal(pmig_declare_fd(fd, &value), 0);
		assert_int_equal(declare_last()->slot, declare_first()->slot); /* slots are used again */
		assert_true(declare_last()->slot <= 3);
		assert_int_equal(pmig_close(fd), 0);
	}
	resource_tell();
	assert_string_equal(heard(), "");
}

static void another_thing_under_the_same_number_is_not_declared(void **state)
{
	(void)state;
	struct stat st;
	int fd = null();
	assert_int_equal(pmig_declare_fd(fd, &value), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_non_null(declare_of(fd, &st));
	assert_null(declare_of(fd + 1, &st));
	close(fd); /* behind our back */
	int other = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_int_equal(other, fd);
	assert_int_equal(fstat(fd, &st), 0);
	assert_null(declare_of(fd, &st));
	assert_int_equal(pmig_declare_fd(fd, &value), 0); /* replaces what was said of the other */
	assert_int_equal(count(), 1);
	assert_int_equal(pmig_close(fd), 0);
	assert_int_equal(count(), 0);
}

static void a_range_is_closed_and_one_is_held(void **state)
{
	(void)state;
	int fds[3];
	for (int i = 0; i < 3; i++) {
		fds[i] = null();
		assert_int_equal(pmig_declare_fd(fds[i], &value), 0);
	}
	declare_hold(declare_first());
	assert_int_equal(pmig_dup2(fds[2], fds[0]), fds[0]); /* as a hook does that obtains a secret anew */
	assert_int_equal(count(), 3);
	declare_hold(NULL);
	declare_closed_from((unsigned)fds[1], ~0u);
	assert_int_equal(count(), 1);
	assert_int_equal(pmig_close(fds[0]), 0);
	assert_int_equal(count(), 0);
	close(fds[1]);
	close(fds[2]);
}

/* Else the next owner of the block would be missing from the image. */
static void memory_that_is_given_back_is_declared_no_more(void **state)
{
	(void)state;
	struct pmig_declaration secret = value;
	secret.secret = true;
	char *p = pmig_malloc(4000), *q = pmig_malloc(4000);
	assert_int_equal(pmig_declare_memory(p + 100, 50, &secret), 0);
	assert_int_equal(pmig_declare_memory(p + 200, 50, &secret), 0);
	assert_int_equal(pmig_declare_memory(p + 200, 60, &secret), 0); /* again */
	assert_int_equal(pmig_declare_memory(q, 50, &secret), 0);
	assert_int_equal(count(), 3);
	pmig_free(p);
	assert_int_equal(count(), 1);
	char *moved = pmig_realloc(q, 1 << 20);
	assert_ptr_not_equal(moved, q);
	assert_int_equal(count(), 0);
	pmig_free(moved);
}

static void half_a_declaration_is_refused(void **state)
{
	(void)state;
	static const struct {
		struct pmig_declaration d;
		const char *words;
	} rows[] = {
		{{.attachment = PMIG_FIXED}, ".binding must be set"},
		{{.binding = PMIG_BY_VALUE}, ".attachment must be set"},
		{{.binding = PMIG_BY_VALUE, .attachment = PMIG_FIXED, .strategy = 6}, ".strategy is 6"},
		{{.binding = PMIG_BY_VALUE, .attachment = PMIG_FIXED, .consent = 8}, ".consent is 0x8"},
		{{.binding = PMIG_BY_VALUE, .attachment = PMIG_FIXED, .secret = true, .strategy = PMIG_COPY}, "secret"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(pmig_declare_fd(0, &rows[i].d), PMIG_EINVAL);
		assert_non_null(strstr(pmig_reason(), rows[i].words));
	}
	assert_int_equal(pmig_declare_fd(999, &value), PMIG_EINVAL);
	assert_int_equal(pmig_declare_memory(NULL, 8, &value), PMIG_EINVAL);
	assert_int_equal(pmig_declare_memory(&agent, SIZE_MAX, &value), PMIG_EINVAL);
	assert_int_equal(count(), 0);
}

/* More than one message; each is whole. */
static void many_are_told_in_few_messages(void **state)
{
	(void)state;
	struct control_message m;
	int fds[200], messages = 0, lines = 0;
	for (int i = 0; i < 200; i++) {
		fds[i] = null();
		assert_int_equal(pmig_declare_fd(fds[i], &value), 0);
	}
	resource_tell();
	while (recv(agent, &m, sizeof m, MSG_DONTWAIT) > 0) {
		messages++;
		assert_int_equal(m.text[0], '+');
		assert_int_equal(m.text[m.size - 1], '\n');
		for (uint32_t i = 0; i < m.size; i++)
			lines += m.text[i] == '\n';
	}
	assert_int_equal(lines, 5 * 200);
	assert_in_range(messages, 2, 10);
	for (int i = 0; i < 200; i++)
		assert_int_equal(pmig_close(fds[i]), 0);
	resource_tell();
	(void)heard();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_agent_hears_at_the_safe_point),
		cmocka_unit_test(what_came_and_went_is_never_told),
		cmocka_unit_test(another_thing_under_the_same_number_is_not_declared),
		cmocka_unit_test(a_range_is_closed_and_one_is_held),
		cmocka_unit_test(memory_that_is_given_back_is_declared_no_more),
		cmocka_unit_test(half_a_declaration_is_refused),
		cmocka_unit_test(many_are_told_in_few_messages),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
