/* test_link: links over real sshds: bytes, ends, statuses, many at a time, and every refusal. */
#include "sshd_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/eventfd.h>

static struct sshd_case sshd;

static struct link *open_link(enum link_method method)
{
	struct link_options o = sshd_case_options(&sshd, method);
	struct link *l = NULL;
	int rc = link_open(&o, &l);
	if (rc < 0)
		fail_msg("%s", pmig_reason());
	return l;
}

static struct link_process start(struct link *l, const char *command)
{
	struct link_process p = LINK_PROCESS_NONE;
	if (link_exec(l, command, &p) < 0)
		fail_msg("%s", pmig_reason());
	return p;
}

static void drop(struct link_process *p)
{
	close(p->fd);
	close(p->error_fd);
}

/* All of it, up to the end of file. */
static size_t read_all(int fd, char *buffer, size_t size)
{
	size_t n = 0;
	ssize_t got;
	while ((got = read(fd, buffer + n, size - n)) > 0)
		n += (size_t)got;
	assert_true(got == 0 || errno == ECONNRESET);
	return n;
}

static int wait_for(struct link *l, const struct link_process *p)
{
	int status = -1;
	if (link_wait(l, p->number, &status) < 0)
		fail_msg("%s", pmig_reason());
	return status;
}

/* Bytes that repeat nowhere near a buffer's size. */
static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)((offset * 0x9e3779b97f4a7c15u) >> 56);
}

struct stream {
	int fd;
	uint64_t size;
};

static void *write_pattern(void *argument)
{
	const struct stream *s = argument;
	uint8_t buffer[65536];
	for (uint64_t at = 0; at < s->size;) {
		size_t n = s->size - at < sizeof buffer ? (size_t)(s->size - at) : sizeof buffer;
		for (size_t i = 0; i < n; i++)
			buffer[i] = byte_at(at + i);
		for (size_t done = 0; done < n;) {
			ssize_t w = send(s->fd, buffer + done, n - done, MSG_NOSIGNAL);
			if (w < 0)
				return (void *)1;
			done += (size_t)w;
		}
		at += n;
	}
	shutdown(s->fd, SHUT_WR);
	return NULL;
}

static uint64_t check_pattern(int fd)
{
	static uint8_t buffer[65536];
	uint64_t at = 0;
	ssize_t n;
	while ((n = read(fd, buffer, sizeof buffer)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (buffer[i] != byte_at(at + (uint64_t)i))
				fail_msg("byte %llu differs", (unsigned long long)(at + (uint64_t)i));
		at += (uint64_t)n;
	}
	return at;
}

static void echo(enum link_method method, uint64_t size)
{
	struct link *l = open_link(method);
	struct link_process p = start(l, "cat");
	struct stream s = {.fd = p.fd, .size = size};
	pthread_t writer;
	void *result;
	assert_int_equal(pthread_create(&writer, NULL, write_pattern, &s), 0);
	assert_int_equal(check_pattern(p.fd), size);
	pthread_join(writer, &result);
	assert_null(result);
	assert_int_equal(wait_for(l, &p), 0);
	drop(&p);
	link_close(l);
}

static void test_echo_libssh2(void **state)
{
	(void)state;
	echo(LINK_SSH2, 50u << 20);
}

static void test_echo_ssh(void **state)
{
	(void)state;
	echo(LINK_COMMAND, 50u << 20);
}

static void test_echo_local(void **state)
{
	(void)state;
	echo(LINK_LOCAL, 50u << 20);
}

/* End of input reaches the command while its output goes on; standard error apart; statuses. */
static void ends(enum link_method method)
{
	struct link *l = open_link(method);
	char text[256];

	struct link_process p = start(l, "n=$(wc -c); echo got $n; echo complaint >&2; exit 7");
	assert_int_equal(write(p.fd, "12345", 5), 5);
	assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
	size_t n = read_all(p.fd, text, sizeof text);
	assert_memory_equal(text, "got 5\n", n);
	assert_int_equal(n, 6);
	assert_int_equal(read_all(p.error_fd, text, sizeof text), 10);
	assert_memory_equal(text, "complaint\n", 10);
	assert_int_equal(wait_for(l, &p), 7);
	drop(&p);
	int status;
	assert_int_equal(link_wait(l, p.number, &status), PMIG_ENOENT);

	p = start(l, "kill -KILL $$");
	assert_int_equal(read_all(p.fd, text, sizeof text), 0);
	int want = method == LINK_COMMAND ? 255 : 128 + SIGKILL; /* ssh does not hand signals on */
	assert_int_equal(wait_for(l, &p), want);
	drop(&p);

	p = start(l, "cat >/dev/null; exit 3"); /* closed at once: the command sees the end of its input */
	drop(&p);
	assert_int_equal(wait_for(l, &p), 3);

	p = start(l, "exit 0"); /* input that nobody reads */
	(void)send(p.fd, "x", 1, MSG_NOSIGNAL);
	assert_int_equal(read_all(p.fd, text, sizeof text), 0);
	assert_int_equal(wait_for(l, &p), 0);
	drop(&p);
	link_close(l);
}

static void test_ends_libssh2(void **state)
{
	(void)state;
	ends(LINK_SSH2);
}

static void test_ends_ssh(void **state)
{
	(void)state;
	ends(LINK_COMMAND);
}

static void test_ends_local(void **state)
{
	(void)state;
	ends(LINK_LOCAL);
}

/* Ten commands, all alive at once and answering in another order than they were started. */
static void many(enum link_method method)
{
	struct link *l = open_link(method);
	struct link_process p[LINK_CHANNELS_MAX], more;
	char line[64], text[64];
	for (int i = 0; i < LINK_CHANNELS_MAX; i++)
		p[i] = start(l, "while read line; do echo \"<$line>\"; done; exit 5");
	if (method == LINK_SSH2)
		assert_int_equal(link_exec(l, "true", &more), PMIG_EBUSY);
	for (int round = 0; round < 3; round++) {
		for (int i = LINK_CHANNELS_MAX - 1; i >= 0; i--) {
			int n = snprintf(line, sizeof line, "%d of %d\n", i, round);
			assert_int_equal(write(p[i].fd, line, (size_t)n), n);
			n = snprintf(line, sizeof line, "<%d of %d>\n", i, round);
			assert_int_equal(recv(p[i].fd, text, (size_t)n, MSG_WAITALL), n);
			assert_memory_equal(text, line, (size_t)n);
		}
	}
	for (int i = 0; i < LINK_CHANNELS_MAX; i++) {
		shutdown(p[i].fd, SHUT_WR);
		assert_int_equal(read_all(p[i].fd, text, sizeof text), 0);
		assert_int_equal(wait_for(l, &p[i]), 5);
		drop(&p[i]);
	}
	more = start(l, "echo again"); /* the places are free again */
	assert_int_equal(read_all(more.fd, text, sizeof text), 6);
	drop(&more);
	link_close(l);
}

static void test_many_libssh2(void **state)
{
	(void)state;
	many(LINK_SSH2);
}

static void test_many_ssh(void **state)
{
	(void)state;
	many(LINK_COMMAND);
}

/* A stream that nobody reads does not hold up the others. */
static void test_unread_stream(void **state)
{
	(void)state;
	struct link *l = open_link(LINK_SSH2);
	struct link_process flood = start(l, "cat /dev/zero"), p = start(l, "cat");
	struct stream s = {.fd = p.fd, .size = 10u << 20};
	pthread_t writer;
	assert_int_equal(pthread_create(&writer, NULL, write_pattern, &s), 0);
	assert_int_equal(check_pattern(p.fd), s.size);
	pthread_join(writer, NULL);
	assert_int_equal(wait_for(l, &p), 0);
	drop(&p);
	drop(&flood);
	link_close(l);
}

static void refused(const struct link_options *o, int code, const char *words)
{
	struct link *l = NULL;
	int rc = link_open(o, &l);
	if (rc != code || strstr(pmig_reason(), words) == NULL)
		fail_msg("%d instead of %d: %s", rc, code, rc < 0 ? pmig_reason() : "opened");
	assert_null(l);
}

static void test_host_keys(void **state)
{
	(void)state;
	static const enum link_method methods[] = {LINK_SSH2, LINK_COMMAND};
	for (size_t i = 0; i < 2; i++) {
		struct link_options o = sshd_case_options(&sshd, methods[i]);
		char path[96], place[128];
		(void)snprintf(path, sizeof path, "%s/none", sshd.directory);
		o.known_hosts = path;
		refused(&o, PMIG_EHOSTKEY, "run `ssh");

		(void)snprintf(path, sizeof path, "%s/changed", sshd.directory);
		(void)snprintf(place, sizeof place, methods[i] == LINK_SSH2 ? "%s line 2" : "%s:2", path);
		sshd_case_shell("{ echo '# a comment'; echo \"[127.0.0.1]:%u $(cut -d' ' -f1,2 %s/user.pub)\"; } > %s",
			sshd.port, sshd.directory, path);
		refused(&o, PMIG_EHOSTKEY, place);

		(void)snprintf(path, sizeof path, "%s/revoked", sshd.directory);
		sshd_case_shell("{ cat %s/known_hosts; echo \"@revoked * $(cut -d' ' -f1,2 %s/host.pub)\"; } > %s",
			sshd.directory, sshd.directory, path);
		refused(&o, PMIG_EHOSTKEY, "revoked");
	}
}

/* The key type that is known is asked for, though the host has a preferred one; and hashed names are found. */
static void test_known_type_and_hashed_name(void **state)
{
	(void)state;
	struct link_options o = sshd_case_options(&sshd, LINK_SSH2);
	char path[96];
	struct link *l;
	(void)snprintf(path, sizeof path, "%s/hashed", sshd.directory);
	o.known_hosts = path;
	sshd_case_shell("cd %s && echo \"[127.0.0.1]:%u $(cut -d' ' -f1,2 host2.pub)\" > hashed && ssh-keygen -q -H -f hashed "
			">/dev/null 2>&1 && grep -q '^|1|' hashed",
		sshd.directory, sshd.port);
	if (link_open(&o, &l) < 0)
		fail_msg("%s", pmig_reason());
	link_close(l);
}

static void test_authentication(void **state)
{
	(void)state;
	char path[96], agent[96];
	(void)snprintf(path, sizeof path, "%s/stranger", sshd.directory);
	(void)snprintf(agent, sizeof agent, "%s/no-agent", sshd.directory);
	sshd_case_shell("ssh-keygen -q -t ed25519 -N '' -f %s", path);
	setenv("SSH_AUTH_SOCK", agent, 1);
	struct link_options o = sshd_case_options(&sshd, LINK_SSH2);
	o.identity = path;
	refused(&o, PMIG_EAUTH, "stranger");
	o.method = LINK_COMMAND;
	refused(&o, PMIG_EAUTH, "@127.0.0.1: Permission denied");

	(void)snprintf(path, sizeof path, "%s/locked", sshd.directory);
	sshd_case_shell("cp %s/user %s && ssh-keygen -q -p -P '' -N secret -f %s >/dev/null", sshd.directory, path, path);
	o.method = LINK_SSH2;
	refused(&o, PMIG_EAUTH, "passphrase");
	unsetenv("SSH_AUTH_SOCK");
}

/* A real ssh-agent that holds the only key that is let in. */
static void test_agent(void **state)
{
	(void)state;
	char socket[96], none[96];
	(void)snprintf(socket, sizeof socket, "%s/agent", sshd.directory);
	(void)snprintf(none, sizeof none, "%s/not-there", sshd.directory);
	int p[2];
	char byte;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p[1], 1); /* it prints when it listens */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("ssh-agent", "ssh-agent", "-D", "-a", socket, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(read(p[0], &byte, 1), 1);
	setenv("SSH_AUTH_SOCK", socket, 1);
	assert_int_equal(sshd_case_shell("ssh-add -q %s", sshd.identity), 0);
	struct link_options o = sshd_case_options(&sshd, LINK_SSH2);
	struct link *l;
	o.identity = none;
	if (link_open(&o, &l) < 0)
		fail_msg("%s", pmig_reason());
	link_close(l);
	unsetenv("SSH_AUTH_SOCK");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	close(p[0]);
	close(p[1]);
}

static void test_unreached(void **state)
{
	(void)state;
	char target[64];
	(void)snprintf(target, sizeof target, "127.0.0.1:%u", sshd_case_free_port());
	struct link_options o = sshd_case_options(&sshd, LINK_SSH2);
	o.target = target;
	refused(&o, PMIG_EUNREACHED, "connection refused");
	o.method = LINK_COMMAND;
	refused(&o, PMIG_EUNREACHED, "Connection refused");
	o.method = LINK_SSH2;
	o.target = "no-such-host.invalid";
	refused(&o, PMIG_EUNREACHED, "cannot resolve");
	o.target = "a b";
	refused(&o, PMIG_EINVAL, "not a target");
}

/* A listener that accepts and says nothing: the time runs out, or somebody stops it. */
static void test_silence(void **state)
{
	(void)state;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	char target[64];
	(void)snprintf(target, sizeof target, "127.0.0.1:%u", ntohs(a.sin_port));
	static const enum link_method methods[] = {LINK_SSH2, LINK_COMMAND};
	for (size_t i = 0; i < 2; i++) {
		struct link_options o = sshd_case_options(&sshd, methods[i]);
		o.target = target;
		o.connect_timeout_ms = 200;
		refused(&o, PMIG_ETIMEOUT, "in time");
		o.connect_timeout_ms = 60000;
		o.stop_fd = eventfd(1, EFD_CLOEXEC);
		refused(&o, PMIG_ECANCELLED, "stopped");
		close(o.stop_fd);
	}
	close(fd);
}

static void *abort_link(void *link)
{
	link_abort(link);
	return NULL;
}

static void lost(enum link_method method, bool cut)
{
	struct link *l = open_link(method);
	struct link_process p = start(l, "echo up; cat"), again;
	char text[16];
	int status;
	pthread_t thread;
	assert_int_equal(recv(p.fd, text, 3, MSG_WAITALL), 3);
	if (cut)
		sshd_case_cut(&sshd);
	else
		assert_int_equal(pthread_create(&thread, NULL, abort_link, l), 0);
	assert_int_equal(read_all(p.fd, text, sizeof text), 0);
	int rc = link_wait(l, p.number, &status);
	assert_int_equal(rc, cut ? PMIG_EUNREACHED : PMIG_ECANCELLED);
	rc = link_exec(l, "true", &again);
	assert_int_equal(rc, cut ? PMIG_EUNREACHED : PMIG_ECANCELLED);
	if (!cut)
		pthread_join(thread, NULL);
	drop(&p);
	link_close(l);
}

static void test_lost_libssh2(void **state)
{
	(void)state;
	lost(LINK_SSH2, true);
}

static void test_lost_ssh(void **state)
{
	(void)state;
	lost(LINK_COMMAND, true);
}

static void test_abort_libssh2(void **state)
{
	(void)state;
	lost(LINK_SSH2, false);
}

static void test_abort_ssh(void **state)
{
	(void)state;
	lost(LINK_COMMAND, false);
}

static void test_targets(void **state)
{
	(void)state;
	static const struct {
		const char *text, *user, *host;
		uint16_t port;
	} good[] = {
		{"beta", "", "beta", 0},
		{"me@beta:2222", "me", "beta", 2222},
		{"[::1]:22", "", "::1", 22},
		{"me@[fe80::1%eth0]", "me", "fe80::1%eth0", 0},
		{"::1", "", "::1", 0},
		{"me@example.org@beta", NULL, NULL, 0},
		{"", NULL, NULL, 0},
		{"@beta", NULL, NULL, 0},
		{"-oProxyCommand=x", NULL, NULL, 0},
		{"-x@beta", NULL, NULL, 0},
		{"beta:", NULL, NULL, 0},
		{"beta:0", NULL, NULL, 0},
		{"beta:65536", NULL, NULL, 0},
		{"beta;true", NULL, NULL, 0},
		{"[::1", NULL, NULL, 0},
		{"[::1]x", NULL, NULL, 0},
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct link_target t;
		int rc = link_parse_target(good[i].text, &t);
		if (good[i].host == NULL) {
			assert_int_equal(rc, PMIG_EINVAL);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(t.user, good[i].user);
		assert_string_equal(t.host, good[i].host);
		assert_int_equal(t.port, good[i].port);
	}
}

static int set_up(void **state)
{
	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	sshd_case_start(&sshd, "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sshd_case_finish(&sshd);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_echo_libssh2),
		cmocka_unit_test(test_echo_ssh),
		cmocka_unit_test(test_echo_local),
		cmocka_unit_test(test_ends_libssh2),
		cmocka_unit_test(test_ends_ssh),
		cmocka_unit_test(test_ends_local),
		cmocka_unit_test(test_many_libssh2),
		cmocka_unit_test(test_many_ssh),
		cmocka_unit_test(test_unread_stream),
		cmocka_unit_test(test_host_keys),
		cmocka_unit_test(test_known_type_and_hashed_name),
		cmocka_unit_test(test_authentication),
		cmocka_unit_test(test_agent),
		cmocka_unit_test(test_unreached),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_lost_libssh2),
		cmocka_unit_test(test_lost_ssh),
		cmocka_unit_test(test_abort_libssh2),
		cmocka_unit_test(test_abort_ssh),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
