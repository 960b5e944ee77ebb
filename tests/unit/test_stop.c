/* stop: a request that comes while a thread has a small alternate signal stack, and in a child process; reasons of handlers. */
#include "stop.h"

#include "arena/arena.h"
#include "block.h"
#include "children.h"
#include "control_channel.h"
#include "frame/program.h"
#include "handler.h"
#include "thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BELOW 65536

const struct program pmig_program = {0};

static int agent; /* our end of the channel */

static int setup(void **state)
{
	(void)state;
	int ends[2];
	char number[16];
	struct control_message m;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	agent = ends[0];
	(void)snprintf(number, sizeof number, "%d", ends[1]);
	(void)setenv("PMIG_CONTROL", number, 1);
	assert_int_equal(arena_create(), 0);
	assert_int_equal(control_start(""), 1);
	assert_true(recv(agent, &m, sizeof m, 0) > 0);
	thread_start();
	stop_start();
	return 0;
}

static void say(enum control_type type, int64_t arg, int fd)
{
	struct control_message m = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .type = (uint16_t)type, .args = {arg}};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	struct iovec part = {.iov_base = &m, .iov_len = offsetof(struct control_message, text)};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		h.msg_control = &ancillary;
		h.msg_controllen = sizeof ancillary;
		ancillary.head = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
		memcpy(CMSG_DATA(&ancillary.head), &fd, sizeof fd);
	}
	assert_true(sendmsg(agent, &h, MSG_NOSIGNAL) > 0);
}

/* What the kernel and a handler of the program need, and no more. */
static void small_stack(void **state)
{
	(void)state;
	size_t size = getauxval(AT_MINSIGSTKSZ) + 4096;
	char *memory = malloc(BELOW + size);
	struct control_message m;
	int fd = dup(1);
	assert_non_null(memory);
	memset(memory, 'x', BELOW);
	assert_int_equal(sigaltstack(&(stack_t){.ss_sp = memory + BELOW, .ss_size = size}, NULL), 0);
	say(CONTROL_CHECKPOINT, 0, fd);
	assert_int_equal(raise(CONTROL_SIGNAL), 0);
	assert_int_equal(pmig_poll, 1);
	assert_false(control_pending());
	say(CONTROL_CANCEL, 1, -1); /* where is it? */
	assert_int_equal(raise(CONTROL_SIGNAL), 0);
	assert_true(recv(agent, &m, sizeof m, MSG_DONTWAIT) > 0);
	assert_int_equal(m.type, CONTROL_WHERE);
	for (size_t i = 0; i < BELOW; i++)
		assert_int_equal(memory[i], 'x');
	assert_int_equal(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL), 0);
	free(memory);
	(void)close(fd);
}

/* A process that no agent knows has nothing to answer: its safe points cost nothing, and no wait of it is broken off. */
static void child_is_not_asked(void **state)
{
	(void)state;
	int status = -1;
	pmig_poll = pmig_asked = 1;
	pid_t child = pmig_fork_process();
	assert_true(child >= 0);
	if (child == 0)
		_exit(pmig_poll != 0 || pmig_asked != 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(pmig_poll, 1);
	pmig_poll = pmig_asked = 0;
}

static const char *within;

static void fail_too(int number)
{
	(void)number;
	within = *pmig_reason() == '\0' && error_set(PMIG_EIO, "the handler's own") == PMIG_EIO ? "alone" : "not alone";
}

static void handlers_have_reasons_of_their_own(void **state)
{
	(void)state;
	struct sigaction action = {.sa_handler = fail_too};
	assert_int_equal(handler_start(), 0);
	assert_int_equal(pmig_sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(error_set(PMIG_ENOENT, "what was interrupted"), PMIG_ENOENT);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_string_equal(within, "alone");
	assert_string_equal(pmig_reason(), "what was interrupted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_stack),
		cmocka_unit_test(child_is_not_asked),
		cmocka_unit_test(handlers_have_reasons_of_their_own),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
