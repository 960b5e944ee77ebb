/* loopback_user: the user of the other end, and nobody where that end is closed already: the kernel tells of it as root's. */
#include "transport/loopback_user.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

struct listening {
	int fd, family;
	struct sockaddr_storage address;
	socklen_t size;
};

static struct listening listen_on(int family)
{
	struct listening l = {
		.family = family, .fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), .size = sizeof l.address};
	l.address.ss_family = (sa_family_t)family;
	if (family == AF_INET)
		((struct sockaddr_in *)&l.address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&l.address)->sin6_addr = in6addr_loopback;
	if (bind(l.fd, (struct sockaddr *)&l.address, l.size) < 0 || listen(l.fd, 8) < 0)
		skip(); /* no such loopback here */
	assert_int_equal(getsockname(l.fd, (struct sockaddr *)&l.address, &l.size), 0);
	return l;
}

static int connect_to(const struct listening *l, int *ret_accepted)
{
	int fd = socket(l->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&l->address, l->size), 0);
	*ret_accepted = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*ret_accepted >= 0);
	return fd;
}

static void try_family(int family)
{
	struct listening l = listen_on(family);
	int accepted, fd = connect_to(&l, &accepted);
	assert_int_equal(loopback_user(accepted), getuid());
	assert_int_equal(shutdown(fd, SHUT_WR), 0); /* it has said all that it wanted, and still listens */
	assert_int_equal(loopback_user(accepted), getuid());
	close(accepted);
	close(fd);

	fd = connect_to(&l, &accepted);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd); /* whoever it was */
	assert_int_equal(loopback_user(accepted), -1);
	close(accepted);
	close(l.fd);
}

static void test_ipv4(void **state)
{
	(void)state;
	try_family(AF_INET);
}

static void test_ipv6(void **state)
{
	(void)state;
	try_family(AF_INET6);
}

/* A port that the same user has on the way to somewhere else says nothing about this connection. */
static void test_the_port_of_two(void **state)
{
	(void)state;
	if (getuid() != 0)
		skip();
	struct listening ours = listen_on(AF_INET), other = listen_on(AF_INET);
	int one = 1, first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof from;
	assert_int_equal(setsockopt(first, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
	assert_int_equal(setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one), 0);
	assert_int_equal(bind(first, (struct sockaddr *)&from, sizeof from), 0);
	assert_int_equal(getsockname(first, (struct sockaddr *)&from, &size), 0);
	int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(fchown(second, NOBODY, -1), 0); /* as if that user had made it */
	assert_int_equal(setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
	assert_int_equal(setsockopt(second, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one), 0);
	if (bind(second, (struct sockaddr *)&from, sizeof from) < 0)
		skip(); /* this kernel lets two users share no port */
	assert_int_equal(connect(first, (struct sockaddr *)&other.address, other.size), 0);
	assert_int_equal(connect(second, (struct sockaddr *)&ours.address, ours.size), 0);
	accepted = accept4(ours.fd, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(loopback_user(accepted), NOBODY);
	close(accepted);
	close(second);
	close(first);
	close(other.fd);
	close(ours.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_the_port_of_two),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
