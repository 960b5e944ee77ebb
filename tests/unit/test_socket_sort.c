/* socket_sort: what sockets are, and texts of their addresses. */
#include "base/socket_sort.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void sorts(void **state)
{
	(void)state;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int pair[2], listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		     client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int udp = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_int_equal(socket_sort_of(client), SOCKET_ALONE);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&a, size), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(socket_sort_of(listener), SOCKET_ALONE);
	assert_int_equal(socket_sort_of(client), SOCKET_CONNECTED);
	assert_int_equal(socket_sort_of(udp), SOCKET_ALONE);
	assert_int_equal(socket_sort_of(pair[0]), SOCKET_PAIRED);
	assert_int_equal(socket_sort_of(netlink), SOCKET_OTHER);
	close(pair[1]);
	assert_int_equal(socket_sort_of(pair[0]), SOCKET_PAIRED);
	close(listener), close(client), close(udp), close(netlink), close(pair[0]);
}

static void a_unix_socket_is_known_by_its_inode(void **state)
{
	(void)state;
	int pair[2];
	struct stat a, b;
	struct socket_unix u;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fstat(pair[0], &a) | fstat(pair[1], &b), 0);
	assert_true(socket_unix_look(a.st_ino, &u));
	assert_int_equal(u.peer, b.st_ino);
	assert_false(u.bound || u.listens);
	close(pair[1]);
	assert_true(socket_unix_look(a.st_ino, &u));
	assert_int_equal(u.peer, 0);
	assert_false(socket_unix_look(b.st_ino, &u));
	close(pair[0]);
}

static void texts_come_back(void **state)
{
	(void)state;
	static const char *const good[] = {"tcp 0.0.0.0:80", "tcp [::]:8080", "udp 127.0.0.1:53", "udp [fe80::1]:1",
		"unix /run/x", "unix-datagram @name", "unix-packet /a b", "tcp", "unix"};
	static const char *const bad[] = {"", "tcpp 0.0.0.0:80", "tcp 0.0.0.0", "tcp 0.0.0.0:65536", "tcp 1.2.3:4",
		"tcp [::1:4", "udp [x]:4", "tcp :80", "tcp 0.0.0.0:80x", "tcp "};
	char text[SOCKET_TEXT_MAX], path[200] = "unix ";
	struct socket_place p;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(socket_parse(good[i], &p), 0);
		if (p.family == 0)
			p.family = AF_INET; /* either: it has no address */
		socket_place_text(&p, text);
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(socket_parse(bad[i], &p), PMIG_EINVAL);
	memset(path + 5, 'x', sizeof(((struct sockaddr_un *)NULL)->sun_path));
	assert_int_equal(socket_parse(path, &p), PMIG_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts),
		cmocka_unit_test(a_unix_socket_is_known_by_its_inode),
		cmocka_unit_test(texts_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
