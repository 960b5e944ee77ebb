/* test_agent_reference_file: what a file's server does with requests that no client sends: nothing, cut short anywhere, with any bit
 * wrong. It ends, refuses, or does what was said, and never more than the held file and what is beside it by name. */
#include "runtime/reference/protocol.h"
#include "transport/agent_reference_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/pmig-served-XXXXXX";
static char path[64];

static size_t add(unsigned char *to, const struct protocol_request *q, const char *data)
{
	protocol_put_request(to, q);
	memcpy(to + PROTOCOL_REQUEST, data, q->size);
	return PROTOCOL_REQUEST + q->size;
}

/* A sound conversation. */
static size_t conversation(unsigned char *to)
{
	size_t n = add(to, &(struct protocol_request){.operation = PROTOCOL_HELLO, .id = 1, .a = PROTOCOL_MAGIC, .b = 1},
		"");
	n += add(to + n, &(struct protocol_request){.operation = PROTOCOL_WRITE, .id = 2, .size = 5, .a = 3}, "hello");
	n += add(to + n, &(struct protocol_request){.operation = PROTOCOL_READ, .id = 3, .b = 100}, "");
	n += add(to + n, &(struct protocol_request){.operation = PROTOCOL_OPEN, .id = 4, .size = 8, .c = 7, .d = 0600},
		"-journal");
	n += add(to + n, &(struct protocol_request){.operation = PROTOCOL_CLOSE, .id = 5, .handle = 1}, "");
	n += add(to + n, &(struct protocol_request){.operation = PROTOCOL_REMOVE, .id = 6, .size = 8}, "-journal");
	return n + add(to + n, &(struct protocol_request){.operation = PROTOCOL_TRUNCATE, .id = 7, .a = 4}, "");
}

/* What comes of these bytes; the answers are in *ret_out. */
static int say(const unsigned char *bytes, size_t size, int *ret_out)
{
	int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	int held = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(in >= 0 && out >= 0 && held >= 0);
	assert_int_equal(write(in, bytes, size), (ssize_t)size);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	int r = agent_reference_file_run(held, in, out);
	assert_true(fcntl(held, F_GETFD) >= 0 && fcntl(in, F_GETFD) >= 0); /* its own it closes, ours it does not */
	close(held);
	close(in);
	if (ret_out != NULL)
		*ret_out = out;
	else
		close(out);
	return r;
}

static void test_a_sound_one(void **state)
{
	(void)state;
	unsigned char bytes[1024], head[PROTOCOL_ANSWER];
	int out, answers = 0;
	assert_int_equal(say(bytes, conversation(bytes), &out), 0);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	while (read(out, head, sizeof head) == (ssize_t)sizeof head) {
		struct protocol_answer r = protocol_get_answer(head);
		assert_int_equal(r.id, ++answers);
		assert_int_equal(r.error, 0);
		assert_true(lseek(out, r.size, SEEK_CUR) > 0);
	}
	assert_int_equal(answers, 7);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	close(out);
}

static void test_cut_short(void **state)
{
	(void)state;
	unsigned char bytes[1024];
	size_t n = conversation(bytes), good = 0;
	for (size_t i = 0; i < n; i++)
		good += say(bytes, i, NULL) == 0;
	assert_int_equal(good, 7); /* between two requests, and before the first */
}

static void test_every_bit(void **state)
{
	(void)state;
	unsigned char bytes[1024];
	size_t n = conversation(bytes);
	for (size_t i = 0; i < 8 * n; i++) {
		bytes[i / 8] ^= (unsigned char)(1u << i % 8);
		int r = say(bytes, n, NULL);
		assert_true(r == 0 || r == PMIG_EPROTOCOL);
		bytes[i / 8] ^= (unsigned char)(1u << i % 8);
	}
}

static void test_not_a_client(void **state)
{
	(void)state;
	unsigned char bytes[4096] = {0};
	assert_int_equal(say(bytes, 0, NULL), 0);
	assert_int_equal(say(bytes, 256, NULL), PMIG_EPROTOCOL);
	/* no greeting; a payload, a read and a wait beyond the bounds; the held file is not closed by anybody from afar */
	const struct protocol_request bad[] = {{.operation = PROTOCOL_STAT_FILE},
		{.operation = PROTOCOL_WRITE, .size = PROTOCOL_DATA_MAX + 1},
		{.operation = PROTOCOL_READ, .b = PROTOCOL_DATA_MAX + 1},
		{.operation = PROTOCOL_LOCK, .c = 1, .d = PROTOCOL_WAIT_MAX + 1},
		{.operation = PROTOCOL_OPEN, .size = PROTOCOL_NAME_MAX + 1, .c = 1},
		{.operation = PROTOCOL_CLOSE, .handle = 0}, {.operation = PROTOCOL_LAST + 1}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t n = i == 0
			? 0
			: add(bytes, &(struct protocol_request){.operation = PROTOCOL_HELLO, .a = PROTOCOL_MAGIC, .b = 1},
				  "");
		protocol_put_request(bytes + n, &bad[i]);
		n += PROTOCOL_REQUEST + (bad[i].size <= PROTOCOL_NAME_MAX + 1 ? bad[i].size : 0);
		assert_int_equal(say(bytes, n, NULL), PMIG_EPROTOCOL);
	}
}

static int directories_synced;

/* In place of libc's: what is made durable. */
int fsync(int fd)
{
	struct stat st;
	directories_synced += fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	return (int)syscall(SYS_fsync, fd);
}

/* The errors of these requests, after a greeting, on a file that is held with these flags. */
static void ask(int flags, const struct protocol_request *q, const char *const *names, size_t count, uint32_t *ret_errors)
{
	unsigned char bytes[4096], head[PROTOCOL_ANSWER];
	size_t n = add(bytes, &(struct protocol_request){.operation = PROTOCOL_HELLO, .a = PROTOCOL_MAGIC, .b = 1}, "");
	for (size_t i = 0; i < count; i++)
		n += add(bytes + n, &q[i], names[i]);
	int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	int held = open(path, flags | O_CLOEXEC, 0600);
	assert_true(in >= 0 && out >= 0 && held >= 0);
	assert_int_equal(write(in, bytes, n), (ssize_t)n);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_int_equal(agent_reference_file_run(held, in, out), 0);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	for (size_t i = 0; i < count + 1; i++) {
		assert_int_equal(read(out, head, sizeof head), (ssize_t)sizeof head);
		struct protocol_answer r = protocol_get_answer(head);
		assert_true(lseek(out, r.size, SEEK_CUR) > 0);
		if (i > 0)
			ret_errors[i - 1] = r.error;
	}
	close(held);
	close(in);
	close(out);
}

/* Who may only read it here does not write it, or anything beside it, from afar; and not all that is called alike belongs to it. */
static void test_bounds(void **state)
{
	(void)state;
	static const char *const names[] = {"", "", "", "-journal", "-journal", "", ".key", "-journal"};
	static const uint32_t wants[] = {PROTOCOL_OPEN_READ | PROTOCOL_OPEN_WRITE, PROTOCOL_OPEN_WRITE,
		PROTOCOL_OPEN_READ | PROTOCOL_OPEN_TRUNCATE, PROTOCOL_OPEN_WRITE, PROTOCOL_OPEN_READ | PROTOCOL_OPEN_CREATE,
		PROTOCOL_OPEN_READ, PROTOCOL_OPEN_READ, PROTOCOL_OPEN_READ};
	static const uint32_t errors[] = {EACCES, EACCES, EACCES, EACCES, EACCES, 0, EINVAL, 0};
	struct protocol_request q[8];
	uint32_t got[8];
	char beside[96];
	static const char *const suffixes[] = {"", "-journal", ".key"};
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(beside, sizeof beside, "%s%s", path, suffixes[i]);
		int fd = open(beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, "what is there", 13), 13);
		close(fd);
	}
	for (size_t i = 0; i < 8; i++)
		q[i] = (struct protocol_request){
			.operation = PROTOCOL_OPEN, .size = (uint32_t)strlen(names[i]), .c = wants[i], .d = 0600};
	ask(O_RDONLY, q, names, 8, got);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(got[i], errors[i]);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 13);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(beside, sizeof beside, "%s%s", path, suffixes[i]);
		assert_int_equal(unlink(beside), 0);
	}
}

/* The name of a journal is as durable as its bytes, before the database is touched. */
static void test_a_new_file_is_durable_with_its_name(void **state)
{
	(void)state;
	static const char *const names[] = {"-journal", "", "", ""};
	const struct protocol_request q[] = {{.operation = PROTOCOL_OPEN, .size = 8, .c = 7, .d = 0600},
		{.operation = PROTOCOL_SYNC, .handle = 1}, {.operation = PROTOCOL_SYNC, .handle = 1},
		{.operation = PROTOCOL_SYNC}};
	uint32_t got[4];
	directories_synced = 0;
	ask(O_RDWR | O_CREAT, q, names, 4, got);
	assert_true(got[0] == 0 && got[1] == 0 && got[2] == 0 && got[3] == 0);
	assert_int_equal(directories_synced, 1);
}

/* A greeting changes nothing: the hand-over may be given up, and the program goes on here on the same description. */
static void test_a_greeting_leaves_the_flags(void **state)
{
	(void)state;
	unsigned char bytes[128];
	size_t n = add(bytes, &(struct protocol_request){.operation = PROTOCOL_HELLO, .a = PROTOCOL_MAGIC, .b = 1}, "");
	int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	int held = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	if (held < 0)
		skip(); /* a file system without it */
	assert_int_equal(write(in, bytes, n), (ssize_t)n);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_int_equal(agent_reference_file_run(held, in, out), 0);
	assert_true(fcntl(held, F_GETFL) & O_DIRECT);
	close(held);
	close(in);
	close(out);
}

static int set_up(void **state)
{
	(void)state;
	struct rlimit most = {1u << 20, RLIM_INFINITY};
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(path, sizeof path, "%s/thing", directory);
	(void)signal(SIGXFSZ, SIG_IGN);
	return setrlimit(RLIMIT_FSIZE, &most); /* what a wrong bit asks for */
}

static int tear_down(void **state)
{
	(void)state;
	char command[80];
	(void)snprintf(command, sizeof command, "rm -rf %s", directory);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_sound_one),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_not_a_client),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_a_new_file_is_durable_with_its_name),
		cmocka_unit_test(test_a_greeting_leaves_the_flags),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
