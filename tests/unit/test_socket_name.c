/* socket_name: sockets of this process are called by their addresses. */
#include "transport/socket_name.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void is_called(int fd, const char *name)
{
	struct stat st;
	char text[256];
	assert_int_equal(fstat(fd, &st), 0);
	socket_name_get(getpid(), st.st_ino, text, sizeof text);
	assert_string_equal(text, name);
}

/* A socket on a free port of the loopback, which is told. */
static int bound(int family, int type, unsigned *ret_port)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
	socklen_t size = family == AF_INET ? sizeof four : sizeof six;
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, address, size) < 0) {
		print_message("skipped: no loopback of this family\n");
		skip();
	}
	assert_int_equal(getsockname(fd, address, &size), 0);
	*ret_port = ntohs(family == AF_INET ? four.sin_port : six.sin6_port);
	return fd;
}

static void internet_sockets_are_called_by_their_addresses(void **state)
{
	(void)state;
	unsigned port, far;
	char name[128];
	int listener = bound(AF_INET, SOCK_STREAM, &port), client = bound(AF_INET, SOCK_STREAM, &far);
	(void)snprintf(name, sizeof name, "listener on 127.0.0.1:%u", port);
	assert_int_equal(listen(listener, 1), 0);
	is_called(listener, name);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
	(void)snprintf(name, sizeof name, "connection 127.0.0.1:%u to 127.0.0.1:%u", far, port);
	is_called(client, name);
	int datagram = bound(AF_INET, SOCK_DGRAM, &port);
	(void)snprintf(name, sizeof name, "UDP socket on 127.0.0.1:%u", port);
	is_called(datagram, name);
	close(listener), close(client), close(datagram);
}

static void addresses_of_the_sixth_version_stand_in_brackets(void **state)
{
	(void)state;
	unsigned port;
	char name[128];
	int fd = bound(AF_INET6, SOCK_STREAM, &port);
	(void)snprintf(name, sizeof name, "listener on [::1]:%u", port);
	assert_int_equal(listen(fd, 1), 0);
	is_called(fd, name);
	close(fd);
}

static void unix_sockets_are_called_by_their_paths(void **state)
{
	(void)state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[160];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ends[2];
	(void)snprintf(address.sun_path, sizeof address.sun_path, "/tmp/pmig-socket-name.%d", (int)getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	(void)snprintf(name, sizeof name, "unix socket %s", address.sun_path);
	is_called(fd, name);
	unlink(address.sun_path);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	is_called(ends[0], "unix socket");
	close(fd), close(ends[0]), close(ends[1]);
}

static void what_is_in_no_table_is_a_socket(void **state)
{
	(void)state;
	char text[32];
	socket_name_get(getpid(), 1, text, sizeof text);
	assert_string_equal(text, "socket");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(internet_sockets_are_called_by_their_addresses),
		cmocka_unit_test(addresses_of_the_sixth_version_stand_in_brackets),
		cmocka_unit_test(unix_sockets_are_called_by_their_paths),
		cmocka_unit_test(what_is_in_no_table_is_a_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
