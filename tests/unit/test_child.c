/* child: children of a process are found by /proc, those that run are named. */
#include "base/child.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static pid_t start(const char *name)
{
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, name);
		(void)raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid); /* it has its name */
	return pid;
}

static int count_ended(const struct child *c, void *context)
{
	int *n = context;
	*n += child_has_ended(c);
	return *n == 3 ? PMIG_EBUSY : 0;
}

static void living_ones_are_named(void **state)
{
	(void)state;
	char text[256], wanted[64], last[32];
	pid_t all[6];
	int ended = 0;
	assert_int_equal(child_name_living(getpid(), text, sizeof text), 0);
	assert_string_equal(text, "");
	all[0] = start("a (odd) name");
	assert_int_equal(child_name_living(getpid(), text, sizeof text), 1);
	(void)snprintf(wanted, sizeof wanted, "%d (a (odd) name, stopped)", (int)all[0]);
	assert_string_equal(text, wanted);
	for (int i = 1; i < 6; i++)
		all[i] = start("x");
	assert_int_equal(child_name_living(getpid(), text, sizeof text), 6);
	assert_string_equal(strstr(text, " and"), " and 2 more");
	(void)snprintf(last, sizeof last, "%d (x", (int)all[5]);
	assert_null(strstr(text, last));
	for (int i = 0; i < 6; i++) {
		siginfo_t info;
		assert_int_equal(kill(all[i], SIGKILL), 0);
		assert_int_equal(waitid(P_PID, (id_t)all[i], &info, WEXITED | WNOWAIT), 0);
	}
	assert_int_equal(child_name_living(getpid(), text, sizeof text), 0);
	assert_int_equal(child_each(getpid(), count_ended, &ended), PMIG_EBUSY);
	for (int i = 0; i < 6; i++)
		assert_int_equal(waitpid(all[i], NULL, 0), all[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(living_ones_are_named)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
