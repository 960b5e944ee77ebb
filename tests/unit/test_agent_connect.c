/* agent_connect: what it says first to the agent: the epoch that its supervisor knows of, and the words of before to an agent that does not
 * know this one. */
#include "transport/agent.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define UUID "00000000-0000-4000-8000-000000000001"

struct side {
	char state[32];
	int listener, way; /* the agent's; our end of the connection */
	pid_t pid;
};

static void begin(struct side *s, uint64_t knows)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ends[2];
	(void)snprintf(s->state, sizeof s->state, "/tmp/pmig-connect-XXXXXX");
	assert_non_null(mkdtemp(s->state));
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s/run", s->state);
	assert_int_equal(mkdir(address.sun_path, 0700), 0);
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s/run/%s.sock", s->state, UUID);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(s->listener, 4), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	s->pid = fork();
	if (s->pid == 0) {
		(void)dup2(ends[1], 0);
		(void)dup2(ends[1], 1);
		_exit(agent_connect(s->state, UUID, knows, (char *[]){"none", NULL}) < 0);
	}
	(void)close(ends[1]);
	s->way = ends[0];
	char ready[sizeof AGENT_READY] = "";
	assert_int_equal(recv(s->way, ready, strlen(AGENT_READY), MSG_WAITALL), strlen(AGENT_READY));
	assert_string_equal(ready, AGENT_READY);
}

static void end(struct side *s)
{
	char path[128];
	int status;
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_int_equal(status, 0);
	(void)close(s->listener);
	(void)close(s->way);
	(void)snprintf(path, sizeof path, "%s/run/%s.sock", s->state, UUID);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof path, "%s/run", s->state);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(s->state), 0);
}

/* The next connection to the agent; *ret_handed: the descriptor that came with its first byte. */
static int next(const struct side *s, char *ret_word, int *ret_handed)
{
	int fd = accept(s->listener, NULL, NULL);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	struct iovec part = {.iov_base = ret_word, .iov_len = 1};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
	assert_true(fd >= 0);
	assert_int_equal(recvmsg(fd, &h, MSG_CMSG_CLOEXEC), 1);
	assert_non_null(CMSG_FIRSTHDR(&h));
	memcpy(ret_handed, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof *ret_handed);
	return fd;
}

/* What the agent says by the descriptor that was handed to it comes out at our end. */
static void speaks(struct side *s, int fd, int handed)
{
	char text[6] = "";
	assert_int_equal(send(handed, "hello", 5, MSG_NOSIGNAL), 5);
	assert_int_equal(recv(s->way, text, 5, MSG_WAITALL), 5);
	assert_string_equal(text, "hello");
	(void)close(handed);
	(void)close(fd);
	end(s);
}

static void the_epoch(void **state)
{
	(void)state;
	struct side s;
	char word;
	int handed;
	uint64_t knows = 0;
	begin(&s, 0x123456789);
	int fd = next(&s, &word, &handed);
	assert_int_equal(word, AGENT_HANDED_KNOWING);
	assert_int_equal(recv(fd, &knows, sizeof knows, MSG_WAITALL), sizeof knows);
	assert_true(le64toh(knows) == 0x123456789);
	assert_int_equal(send(fd, "H", 1, MSG_NOSIGNAL), 1); /* understood */
	speaks(&s, fd, handed);
}

static void none_known(void **state)
{
	(void)state;
	struct side s;
	char word;
	int handed;
	begin(&s, 0);
	int fd = next(&s, &word, &handed);
	assert_int_equal(word, AGENT_HANDED);
	assert_int_equal(recv(fd, &word, 1, MSG_DONTWAIT), -1); /* and nothing else */
	(void)close(handed);
	(void)close(fd);
	end(&s);
}

static void an_agent_of_before(void **state)
{
	(void)state;
	struct side s;
	char word;
	int handed;
	begin(&s, 7);
	int fd = next(&s, &word, &handed);
	assert_int_equal(word, AGENT_HANDED_KNOWING);
	(void)close(handed); /* a word that it does not know */
	(void)close(fd);
	fd = next(&s, &word, &handed);
	assert_int_equal(word, AGENT_HANDED);
	speaks(&s, fd, handed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_epoch),
		cmocka_unit_test(none_known),
		cmocka_unit_test(an_agent_of_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
