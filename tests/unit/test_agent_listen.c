/* agent_listen: a place for an address that leads elsewhere: what lies there stays, what a killed agent left of its own does not. */
#include "transport/agent_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/test_agent_listen.XXXXXX";

/* As an agent leaves it that is killed. */
static void leave_socket(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
	close(fd);
}

static void test_paths(void **state)
{
	(void)state;
	struct agent_options options = {.state = directory};
	struct agent a = {.options = &options, .control = -1};
	char wanted[64], own[80], address[128], again[128];
	struct stat st;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(own, sizeof own, "%s/run", directory);
	assert_int_equal(mkdir(own, 0700), 0);
	(void)snprintf(wanted, sizeof wanted, "%s/service", directory);
	(void)snprintf(own, sizeof own, "%s/run/00000000000000ab.ref", directory);
	assert_int_equal(loop_create(&a.loop), 0);

	assert_int_equal(agent_listen(&a, 0xab, wanted, address, sizeof address), 0);
	assert_string_equal(address, wanted);
	assert_int_equal(stat(wanted, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	agent_listen_end(&a);
	assert_int_equal(access(wanted, F_OK), -1);

	leave_socket(wanted); /* whose that is nobody knows */
	leave_socket(own);
	assert_int_equal(agent_listen(&a, 0xab, wanted, address, sizeof address), 0);
	assert_string_equal(address, own);
	assert_int_equal(access(wanted, F_OK), 0);
	assert_int_equal(agent_listen(&a, 0xab, wanted, again, sizeof again), PMIG_EREFUSED); /* it is in use */
	int fd;
	assert_int_equal(agent_serve_address(address, &fd), 0);
	close(fd);
	agent_reference_end(&a);
	assert_int_equal(access(own, F_OK), -1);
	loop_destroy(a.loop);
	assert_int_equal(unlink(wanted), 0);
	(void)snprintf(own, sizeof own, "%s/run", directory);
	assert_int_equal(rmdir(own), 0);
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
