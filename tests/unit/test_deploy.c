/* test_deploy: an executable onto a host by its shell alone: once, again when damaged, and refused in words. */
#include "sshd_case.h"
#include "transport/deploy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/stat.h>

static struct sshd_case sshd;
static char agent[96], home[96];

static struct link *open_link(enum link_method method)
{
	struct link_options o = sshd_case_options(&sshd, method);
	struct link *l = NULL;
	if (link_open(&o, &l) < 0)
		fail_msg("%s", pmig_reason());
	return l;
}

static void assert_answers(struct link *l, const char *command, const char *want)
{
	char line[2200], text[64];
	struct link_process p;
	size_t size = 0;
	ssize_t n;
	(void)snprintf(line, sizeof line, "%s one two", command);
	assert_int_equal(link_exec(l, line, &p), 0);
	while ((n = read(p.fd, text + size, sizeof text - size)) > 0)
		size += (size_t)n;
	assert_int_equal(size, strlen(want));
	assert_memory_equal(text, want, size);
	close(p.fd);
	close(p.error_fd);
}

static void deployed(enum link_method method)
{
	struct link *l = open_link(method);
	char *command, *again, file[2048];
	struct stat first, second;
	sshd_case_shell("rm -rf %s/.cache", home);
	if (deploy_agent(l, agent, &command) < 0)
		fail_msg("%s", pmig_reason());
	assert_non_null(strstr(command, home));
	assert_answers(l, command, "agent of 2: one two\n");
	(void)snprintf(file, sizeof file, "%.*s", (int)strlen(command) - 2, command + 1);
	assert_int_equal(stat(file, &first), 0);
	assert_int_equal(first.st_mode & 07777, 0700);

	assert_int_equal(deploy_agent(l, agent, &again), 0); /* the same file is used */
	assert_string_equal(command, again);
	assert_int_equal(stat(file, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	free(again);

	assert_int_equal(truncate(file, 10), 0); /* damaged: replaced */
	assert_int_equal(deploy_agent(l, agent, &again), 0);
	assert_answers(l, again, "agent of 2: one two\n");
	assert_int_equal(sshd_case_shell("test $(ls %s/.cache/pmig/* | wc -l) = 1", home), 0); /* nothing half is left */
	free(again);
	free(command);
	link_close(l);
}

static void test_libssh2(void **state)
{
	(void)state;
	deployed(LINK_SSH2);
}

static void test_ssh(void **state)
{
	(void)state;
	deployed(LINK_COMMAND);
}

static void refused(struct link *l, const char *path, int code, const char *words)
{
	char *command = NULL;
	int rc = deploy_agent(l, path, &command);
	if (rc != code || strstr(pmig_reason(), words) == NULL)
		fail_msg("%d instead of %d: %s", rc, code, pmig_reason());
	assert_null(command);
}

static void test_refusals(void **state)
{
	(void)state;
	struct link *l = open_link(LINK_SSH2);
	char broken[96];
	refused(l, "/nonexistent", PMIG_ENOENT, "/nonexistent");

	(void)snprintf(broken, sizeof broken, "%s/broken", sshd.directory); /* arrives, but cannot be run there */
	sshd_case_shell("printf '\\177ELF nonsense' > %s; chmod 700 %s", broken, broken);
	refused(l, broken, PMIG_EREFUSED, "cannot put the agent");

	sshd_case_shell("rm -rf %s/.cache; : > %s/.cache", home, home); /* no place for a directory */
	refused(l, agent, PMIG_EREFUSED, "cannot put the agent");
	sshd_case_shell("rm -f %s/.cache", home);
	link_close(l);
}

static void test_quote(void **state)
{
	(void)state;
	char *word;
	assert_int_equal(deploy_quote("it's $HOME `x`", &word), 0);
	assert_string_equal(word, "'it'\\''s $HOME `x`'");
	free(word);
}

static int set_up(void **state)
{
	(void)state;
	sshd_case_start(&sshd, "");
	sshd_case_stop(&sshd);
	(void)snprintf(home, sizeof home, "%s/home", sshd.directory);
	(void)snprintf(agent, sizeof agent, "%s/agent", sshd.directory);
	sshd_case_shell("mkdir -m 700 %s; echo 'SetEnv HOME=%s' >> %s/config", home, home, sshd.directory);
	sshd_case_shell("{ echo '#!/bin/sh'; echo 'test \"$1\" = --version || echo agent of $#: \"$@\"; exit 0'; "
			"head -c 3000000 /dev/urandom | od -A n -v -t x1; } > %s; chmod 700 %s",
		agent, agent);
	sshd_case_run(&sshd);
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
		cmocka_unit_test(test_libssh2),
		cmocka_unit_test(test_ssh),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_quote),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
