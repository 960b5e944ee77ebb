/* socket_label: what is put comes back, and nothing else is taken for one. */
#include "base/socket_label.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct socket_label four(void)
{
	struct socket_label l = {.id = 0x0123456789abcdef,
		.salt = 7,
		.peer_size = sizeof(struct sockaddr_in),
		.local_size = sizeof(struct sockaddr_in)};
	struct sockaddr_in *peer = (void *)&l.peer, *local = (void *)&l.local;
	*peer = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(40000), .sin_addr.s_addr = htonl(0x0a000001)};
	*local = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0x0a000002)};
	return l;
}

static struct socket_label six(void)
{
	struct socket_label l = {
		.id = 1, .salt = ~0ull, .peer_size = sizeof(struct sockaddr_in6), .local_size = sizeof(struct sockaddr_in6)};
	struct sockaddr_in6 *peer = (void *)&l.peer, *local = (void *)&l.local;
	*peer = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(40000), .sin6_scope_id = 2};
	*local = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(80)};
	peer->sin6_addr = in6addr_loopback;
	memset(&local->sin6_addr, 0xfe, sizeof local->sin6_addr);
	return l;
}

static struct socket_label local(const char *name)
{
	struct socket_label l = {.id = 9, .pid = 100, .user = 1000, .group = 1001};
	struct sockaddr_un *peer = (void *)&l.peer;
	*peer = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)snprintf(peer->sun_path, sizeof peer->sun_path, "%s", name);
	l.peer_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	return l;
}

static void comes_back(const struct socket_label *l)
{
	struct sockaddr_un name;
	struct socket_label got, read;
	char text[SOCKET_LABEL_TEXT];
	socklen_t size = socket_label_put(l, &name);
	assert_true(size <= sizeof name);
	assert_true(socket_label_get(&name, size, &got));
	assert_memory_equal(&got, l, sizeof got);
	socket_label_write(l, text);
	assert_true(socket_label_read(text, &read));
	assert_memory_equal(&read, l, sizeof read);
	for (socklen_t n = 0; l->peer.ss_family != AF_UNIX && n < size; n++)
		assert_false(socket_label_get(&name, n, &got));
	text[3] = 'x';
	assert_false(socket_label_read(text, &read));
}

static void test_round(void **state)
{
	(void)state;
	struct socket_label l = four();
	comes_back(&l);
	l = six();
	comes_back(&l);
	l = local("");
	comes_back(&l);
	l = local("/run/a/client/that/has/a/name");
	comes_back(&l);
}

static void test_long_name(void **state)
{
	(void)state;
	struct sockaddr_un name;
	struct socket_label l = local("/a/name/that/is/longer/than/there/is/room/for/in/an/abstract/name/of/ours"), got;
	assert_true(socket_label_get(&name, socket_label_put(&l, &name), &got));
	assert_int_equal(got.peer_size, offsetof(struct sockaddr_un, sun_path));
}

static void test_others(void **state)
{
	(void)state;
	struct socket_label l = four(), got;
	struct sockaddr_un name;
	socklen_t size = socket_label_put(&l, &name);
	const size_t magic = 0, version = 4, family = 5;
	for (size_t i = 0; i < 3; i++) {
		struct sockaddr_un other = name;
		other.sun_path[1 + (const size_t[]){magic, version, family}[i]] ^= 0x40;
		assert_false(socket_label_get(&other, size, &got));
	}
	name.sun_path[0] = '/';
	assert_false(socket_label_get(&name, size, &got));
	l.id = 0;
	assert_false(socket_label_get(&name, socket_label_put(&l, &name), &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round), cmocka_unit_test(test_long_name), cmocka_unit_test(test_others)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
