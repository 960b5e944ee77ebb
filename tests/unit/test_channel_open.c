/* channel_open: its bytes are as documented, and what comes is believed in nothing: every truncation, every bit. */
#include "transport/channel_open.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct channel_opening model(void)
{
	struct channel_opening o = {
		.channel = 0x1122334455667788u, .listener = 0xa1a2a3a4a5a6a7a8u, .epoch = 7, .locator = "tcp 10.0.0.9:1234"};
	o.label = (struct socket_label){.id = 0x0102030405060708u,
		.salt = 0x1112131415161718u,
		.peer_size = sizeof(struct sockaddr_in),
		.local_size = sizeof(struct sockaddr_in)};
	*(struct sockaddr_in *)&o.label.peer = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(1234), .sin_addr.s_addr = htonl(0x0a000009)};
	*(struct sockaddr_in *)&o.label.local = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0x0a000001)};
	return o;
}

/* clang-format off */
static const unsigned char golden[] = {
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* channel */
	0x09, 0, 0, 0, 0, 0, 0, 0, /* word, code */
	0xa8, 0xa7, 0xa6, 0xa5, 0xa4, 0xa3, 0xa2, 0xa1, /* listener */
	34, /* bytes of the label */
	'p', 'm', 'i', 'g', 1, AF_INET, /* its beginning, version, family */
	0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* the connection */
	0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, /* salt */
	0x04, 0xd2, 10, 0, 0, 9, /* who connected */
	0x00, 0x50, 10, 0, 0, 1, /* to where */
	't', 'c', 'p', ' ', '1', '0', '.', '0', '.', '0', '.', '9', ':', '1', '2', '3', '4',
};
/* clang-format on */

static void test_golden(void **state)
{
	(void)state;
	unsigned char buffer[CHANNEL_OPEN_MAX];
	struct channel_opening o = model(), seen;
	struct packet p = channel_open_put(&o, buffer);
	struct channel_packet k;
	assert_int_equal(p.type, PACKET_DATA);
	assert_int_equal(p.stream, CHANNEL_STREAM);
	assert_int_equal(p.offset, 7);
	assert_int_equal(p.size, sizeof golden);
	assert_memory_equal(p.data, golden, sizeof golden);
	assert_int_equal(channel_peek(&p, &k), 0);
	assert_int_equal(k.word, CHANNEL_OPEN);
	assert_int_equal(channel_open_get(&k, &seen), 0);
	assert_int_equal(seen.channel, o.channel);
	assert_int_equal(seen.listener, o.listener);
	assert_int_equal(seen.epoch, 7);
	assert_int_equal(seen.label.id, o.label.id);
	assert_string_equal(seen.locator, o.locator);
}

/* Whatever it says, what was taken for good is so. */
static void check(const struct packet *p)
{
	struct channel_packet k;
	struct channel_opening seen;
	if (channel_peek(p, &k) < 0)
		return;
	if (channel_open_get(&k, &seen) < 0) {
		assert_int_equal(channel_open_get(&k, &seen), PMIG_EPROTOCOL);
		return;
	}
	assert_true(k.word == CHANNEL_OPEN && seen.channel != 0 && seen.listener != 0 && seen.label.id != 0);
	assert_true(strnlen(seen.locator, sizeof seen.locator) < sizeof seen.locator);
	for (const char *c = seen.locator; *c != '\0'; c++)
		assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void test_damaged(void **state)
{
	(void)state;
	unsigned char buffer[CHANNEL_OPEN_MAX], copy[CHANNEL_OPEN_MAX];
	struct channel_opening o = model(), seen;
	struct channel_packet k;
	struct packet whole = channel_open_put(&o, buffer), p = whole;
	p.data = copy;
	for (p.size = 0; p.size < whole.size; p.size++) {
		memcpy(copy, buffer, p.size);
		check(&p);
		if (channel_peek(&p, &k) >= 0 && p.size < CHANNEL_HEAD + 9 + 34) /* the locator may be shorter */
			assert_int_equal(channel_open_get(&k, &seen), PMIG_EPROTOCOL);
	}
	for (size_t bit = 0; bit < 8 * whole.size; bit++) {
		memcpy(copy, buffer, whole.size);
		copy[bit / 8] ^= (unsigned char)(1u << bit % 8);
		check(&p);
	}
}

static void test_too_long(void **state)
{
	(void)state;
	unsigned char bytes[CHANNEL_OPEN_MAX + 64] = {0}, buffer[CHANNEL_OPEN_MAX];
	struct channel_opening o = model(), seen;
	struct packet p = channel_open_put(&o, buffer);
	struct channel_packet k;
	memcpy(bytes, buffer, p.size);
	memset(bytes + p.size, 'x', sizeof bytes - p.size);
	p.data = bytes;
	p.size = sizeof bytes; /* a locator that has no room */
	assert_int_equal(channel_peek(&p, &k), 0);
	assert_int_equal(channel_open_get(&k, &seen), PMIG_EPROTOCOL);
	p.size = CHANNEL_HEAD + 9 + 200;
	bytes[CHANNEL_HEAD + 8] = 200; /* a label that is longer than any name */
	assert_int_equal(channel_peek(&p, &k), 0);
	assert_int_equal(channel_open_get(&k, &seen), PMIG_EPROTOCOL);
}

static void test_not_for_people(void **state)
{
	(void)state;
	static const char *const strange[] = {"tcp \033[2J", "tcp \xff\xfe", "a\nb", "\x7f"};
	unsigned char buffer[CHANNEL_OPEN_MAX];
	struct channel_opening o = model(), seen;
	struct channel_packet k;
	for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
		(void)snprintf(o.locator, sizeof o.locator, "%s", strange[i]);
		struct packet p = channel_open_put(&o, buffer);
		assert_int_equal(channel_peek(&p, &k), 0);
		assert_int_equal(channel_open_get(&k, &seen), PMIG_EPROTOCOL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_not_for_people),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
