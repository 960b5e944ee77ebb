/* agent_serve: what is held, as something that can be used: addresses in words, streams without a change for those who share them. */
#include "transport/agent_reference.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void test_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *locator;
		int family;
		const char *host;
		int port;
	} good[] = {{"127.0.0.1:5432", AF_INET, "127.0.0.1", 5432}, {"localhost:1", AF_INET, "127.0.0.1", 1},
		{"0.0.0.0:65535", AF_INET, "127.0.0.1", 65535}, {"*:80", AF_INET, "127.0.0.1", 80},
		{":80", AF_INET, "127.0.0.1", 80}, {"10.1.2.3:7", AF_INET, "10.1.2.3", 7},
		{"[::1]:5432", AF_INET6, "::1", 5432}, {"::1:5432", AF_INET6, "::1", 5432}};
	struct sockaddr_storage address;
	socklen_t size;
	char text[64];
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(agent_serve_parse(good[i].locator, &address, &size), 0);
		assert_int_equal(address.ss_family, good[i].family);
		const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
		bool six = good[i].family == AF_INET6;
		assert_non_null(inet_ntop(good[i].family, six ? (const void *)&in6->sin6_addr : &in->sin_addr, text,
			sizeof text));
		assert_string_equal(text, good[i].host);
		assert_int_equal(ntohs(six ? in6->sin6_port : in->sin_port), good[i].port);
	}
	assert_int_equal(agent_serve_parse("/run/a socket", &address, &size), 0);
	assert_int_equal(address.ss_family, AF_UNIX);
	assert_string_equal(((struct sockaddr_un *)&address)->sun_path, "/run/a socket");
	char lengthy[200];
	memset(lengthy, 'a', sizeof lengthy);
	lengthy[0] = '/';
	lengthy[sizeof lengthy - 1] = '\0';
	const char *bad[] = {"", "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:-1", "localhost:+1",
		"localhost: 1", "localhost:1x", "example.org:80", "relative/path", "[::1:80", lengthy};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(agent_serve_parse(bad[i], &address, &size), PMIG_EINVAL);
}

/* O_NONBLOCK belongs to the open file description, which the program at home and others go on using. */
static void test_streams(void **state)
{
	(void)state;
	char directory[] = "/tmp/test_agent_serve.XXXXXX", path[64];
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof path, "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	struct held h = {.kind = REFERENCE_STREAM, .fd = open(path, O_RDWR | O_CLOEXEC)};
	assert_true(h.fd >= 0);
	int fd;
	bool device;
	assert_int_equal(agent_serve_open(&h, &fd, &device), 0);
	assert_true(device);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_false(fcntl(h.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	close(h.fd);

	/* Opened again, it would be another terminal. */
	h.fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(h.fd >= 0);
	assert_int_equal(agent_serve_open(&h, &fd, &device), 0);
	assert_int_equal(grantpt(h.fd), 0);
	assert_int_equal(unlockpt(h.fd), 0);
	char first[64], second[64];
	assert_int_equal(ptsname_r(h.fd, first, sizeof first), 0);
	assert_int_equal(ptsname_r(fd, second, sizeof second), 0);
	assert_string_equal(first, second);
	close(fd);
	close(h.fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void test_nobody_listens(void **state)
{
	(void)state;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof in;
	char locator[32];
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
	(void)snprintf(locator, sizeof locator, "127.0.0.1:%u", ntohs(in.sin_port));
	int connection;
	assert_int_equal(agent_serve_address(locator, &connection), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), locator));
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(agent_serve_address(locator, &connection), 0);
	assert_false(fcntl(connection, F_GETFL) & O_NONBLOCK);
	close(connection);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_nobody_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
