/* test_packet: golden bytes, every truncation and bit flip refused, pressure, packing, JSON bounds. */
#include "transport/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire {
	uint8_t bytes[4 << 20];
	size_t size;
};

static struct packet_writer *writer(enum packet_pack pack)
{
	struct packet_writer *w;
	assert_int_equal(packet_writer_create(pack, &w), 0);
	return w;
}

static struct packet_reader *reader(void)
{
	struct packet_reader *r;
	assert_int_equal(packet_reader_create(&r), 0);
	return r;
}

/* What the writer would send, by way of a memory file. */
static struct wire *flush(struct packet_writer *w)
{
	struct wire *wire = calloc(1, sizeof *wire);
	int fd = memfd_create("wire", MFD_CLOEXEC);
	assert_int_equal(packet_writer_flush(w, fd), 1);
	assert_int_equal(packet_writer_pending(w), 0);
	wire->size = (size_t)pread(fd, wire->bytes, sizeof wire->bytes, 0);
	close(fd);
	return wire;
}

static void put(struct packet_writer *w, enum packet_type type, uint16_t stream, uint64_t offset, const void *data,
	size_t size)
{
	struct packet p = {.type = type, .stream = stream, .offset = offset, .data = data, .size = size};
	assert_int_equal(packet_writer_put(w, &p), 0);
}

static void test_golden(void **state)
{
	(void)state;
	static const uint8_t golden[] = {
		0x70, 0x6d, 0x67, 0x70,                         /* magic "pmgp" */
		0x02,                                           /* version */
		0x02,                                           /* type: data */
		0x00,                                           /* flags: plain */
		0x00,                                           /* zero */
		0x34, 0x12,                                     /* stream 0x1234 */
		0x00, 0x00,                                     /* zero */
		0x05, 0x00, 0x00, 0x00,                         /* length 5 */
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* offset */
		0xee, 0xfc, 0x8d, 0xaf, 0x95, 0xbc, 0x91, 0x92, /* xxh3 */
		'h', 'e', 'l', 'l', 'o',                        /* payload */
	};
	struct packet_writer *w = writer(PACKET_PLAIN);
	put(w, PACKET_DATA, 0x1234, 0x1122334455667788u, "hello", 5);
	struct wire *wire = flush(w);
	assert_int_equal(wire->size, sizeof golden);
	assert_memory_equal(wire->bytes, golden, sizeof golden);
	free(wire);
	packet_writer_destroy(w);
}

/* The version of today's golden bytes, one before and one after: who speaks another is told both, and what to do. */
static void test_another_version_is_told_what_to_do(void **state)
{
	(void)state;
	for (int step = -1; step <= 1; step += 2) {
		struct packet_writer *w = writer(PACKET_PLAIN);
		put(w, PACKET_DATA, 1, 0, "hello", 5);
		struct wire *wire = flush(w);
		char words[160];
		struct packet_reader *r = reader();
		struct packet p;
		wire->bytes[4] = (uint8_t)(PACKET_VERSION + step);
		assert_true(packet_reader_feed(r, wire->bytes, wire->size) > 0);
		assert_int_equal(packet_reader_next(r, &p), PMIG_EVERSION);
		(void)snprintf(words, sizeof words,
			"version %d of pmig's protocol, this one version %d: use the same pmig at both ends",
			PACKET_VERSION + step, PACKET_VERSION);
		assert_non_null(strstr(pmig_reason(), words));
		packet_reader_destroy(r);
		free(wire);
		packet_writer_destroy(w);
	}
}

static struct wire *sample(void)
{
	static const char text[] = "a text that is long enough to be packed, a text that is long enough to be packed, "
				   "a text that is long enough to be packed, a text that is long enough to be packed, "
				   "a text that is long enough to be packed, a text that is long enough to be packed, "
				   "a text that is long enough to be packed, a text that is long enough to be packed.";
	struct packet_writer *w = writer(PACKET_PACK);
	json_t *o = json_pack("{s:s, s:[i,i]}", "do", "freeze", "list", 1, 2);
	put(w, PACKET_DATA, 7, 100, text, sizeof text);
	assert_int_equal(packet_writer_put_json(w, PACKET_CONTROL, 0, o), 0);
	put(w, PACKET_ACK, 7, 100 + sizeof text, NULL, 0);
	put(w, PACKET_END, 7, 5, "0123456789abcdef", 16);
	json_decref(o);
	struct wire *wire = flush(w);
	packet_writer_destroy(w);
	return wire;
}

/* Feeds in pieces of `piece` bytes. Returns how many packets came, or the error. */
static int parse(const uint8_t *bytes, size_t size, size_t piece)
{
	struct packet_reader *r = reader();
	struct packet p;
	int count = 0, rc = 0;
	for (size_t at = 0; at < size && rc >= 0;) {
		size_t n = size - at < piece ? size - at : piece;
		int taken = packet_reader_feed(r, bytes + at, n);
		assert_true(taken >= 0 && taken <= (int)n);
		at += (size_t)taken;
		while ((rc = packet_reader_next(r, &p)) > 0)
			count++;
	}
	if (rc < 0)
		assert_int_equal(packet_reader_next(r, &p), rc); /* dead for good */
	packet_reader_destroy(r);
	return rc < 0 ? rc : count;
}

static void test_pieces(void **state)
{
	(void)state;
	struct wire *wire = sample();
	for (size_t piece = 1; piece <= wire->size; piece++)
		assert_int_equal(parse(wire->bytes, wire->size, piece), 4);
	free(wire);
}

static void test_content(void **state)
{
	(void)state;
	struct wire *wire = sample();
	struct packet_reader *r = reader();
	struct packet p;
	json_t *o;
	const uint8_t *at = wire->bytes;
	size_t left = wire->size;
	for (int i = 0; i < 4; i++) {
		int taken = packet_reader_feed(r, at, left);
		at += taken;
		left -= (size_t)taken;
		assert_int_equal(packet_reader_next(r, &p), 1);
		switch (i) {
		case 0:
			assert_int_equal(p.type, PACKET_DATA);
			assert_int_equal(p.stream, 7);
			assert_int_equal(p.offset, 100);
			assert_true(p.size > PACKET_HEADER && memcmp(p.data, "a text that", 11) == 0);
			assert_true((size_t)taken < p.size); /* it was packed */
			break;
		case 1:
			assert_int_equal(packet_get_json(&p, &o), 0);
			assert_string_equal(json_string_value(json_object_get(o, "do")), "freeze");
			json_decref(o);
			break;
		case 2:
			assert_int_equal(p.type, PACKET_ACK);
			assert_int_equal(p.size, 0);
			assert_int_equal(packet_get_json(&p, &o), PMIG_EPROTOCOL);
			break;
		default:
			assert_int_equal(p.type, PACKET_END);
			assert_memory_equal(p.data, "0123456789abcdef", 16);
		}
	}
	assert_int_equal(left, 0);
	packet_reader_destroy(r);
	free(wire);
}

static void test_every_truncation(void **state)
{
	(void)state;
	struct wire *wire = sample();
	size_t whole[5] = {0};
	for (size_t size = 0, last = 0; size <= wire->size; size++) {
		int count = parse(wire->bytes, size, wire->size);
		assert_true(count >= (int)last && count <= (int)last + 1); /* never an error, never a packet too early */
		if (count > (int)last)
			whole[last = (size_t)count] = size;

		int p[2]; /* the same as the end of a connection */
		struct packet_reader *r = reader();
		struct packet ignored;
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		assert_int_equal(write(p[1], wire->bytes, size), size);
		close(p[1]);
		int rc;
		while ((rc = packet_reader_fill(r, p[0])) >= 0)
			while (packet_reader_next(r, &ignored) > 0)
				continue;
		assert_int_equal(rc, size == whole[last] ? PMIG_EGONE : PMIG_ECORRUPT);
		close(p[0]);
		packet_reader_destroy(r);
	}
	free(wire);
}

static void test_every_bit_flip(void **state)
{
	(void)state;
	struct wire *wire = sample();
	for (size_t bit = 0; bit < 8 * wire->size; bit++) {
		wire->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		int rc = parse(wire->bytes, wire->size, wire->size);
		/* Refused; or a length that grew within its bounds waits for bytes that never come. Never four packets. */
		assert_true(rc == PMIG_ECORRUPT || rc == PMIG_EPROTOCOL || rc == PMIG_EVERSION || (rc >= 0 && rc < 4));
		wire->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(parse(wire->bytes, wire->size, wire->size), 4);
	free(wire);
}

/* A writer that refuses what no reader takes; and data that does not shrink goes plain, data that does goes packed. */
static void test_sizes_and_packing(void **state)
{
	(void)state;
	struct packet_writer *w = writer(PACKET_PACK);
	uint8_t *big = calloc(1, PACKET_MAX + 1);
	struct packet p = {.type = PACKET_DATA, .data = big, .size = PACKET_MAX + 1};
	assert_int_equal(packet_writer_put(w, &p), PMIG_EINVAL);
	p = (struct packet){.type = PACKET_ACK, .data = big, .size = 1};
	assert_int_equal(packet_writer_put(w, &p), PMIG_EINVAL);
	p = (struct packet){.type = 99};
	assert_int_equal(packet_writer_put(w, &p), PMIG_EINVAL);

	put(w, PACKET_DATA, 1, 0, big, PACKET_MAX);
	assert_true(packet_writer_pending(w) < 1000);
	free(flush(w));
	uint64_t seed = 1;
	for (size_t i = 0; i < PACKET_MAX; i += 8, seed = seed * 6364136223846793005u + 1442695040888963407u)
		memcpy(big + i, &(uint64_t){seed ^ seed >> 29}, 8);
	put(w, PACKET_DATA, 1, 0, big, PACKET_MAX);
	assert_int_equal(packet_writer_pending(w), PACKET_HEADER + PACKET_MAX);
	struct wire *wire = flush(w);
	assert_int_equal(parse(wire->bytes, wire->size, 1 << 16), 1);
	free(wire);
	free(big);
	packet_writer_destroy(w);
}

static void test_pressure(void **state)
{
	(void)state;
	int s[2];
	static uint8_t data[65536];
	struct packet p = {.type = PACKET_DATA, .data = data, .size = sizeof data};
	struct packet_writer *w = writer(PACKET_PLAIN);
	struct packet_reader *r = reader();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), 0);
	unsigned sent = 0, received = 0;
	int rc;
	assert_int_equal(packet_reader_fill(r, s[1]), 0);
	while ((rc = packet_writer_put(w, &p)) >= 0) {
		sent++;
		assert_true(packet_writer_flush(w, s[0]) >= 0);
	}
	assert_int_equal(rc, PMIG_EBUSY);
	assert_false(packet_writer_room(w));
	while (received < sent) {
		assert_true(packet_writer_flush(w, s[0]) >= 0);
		assert_true(packet_reader_fill(r, s[1]) >= 0);
		while ((rc = packet_reader_next(r, &p)) > 0) {
			assert_int_equal(p.size, sizeof data);
			received++;
		}
		assert_int_equal(rc, 0);
	}
	assert_true(packet_writer_room(w));
	close(s[1]);
	put(w, PACKET_DONE, 1, 0, NULL, 0);
	assert_int_equal(packet_writer_flush(w, s[0]), PMIG_EGONE);
	close(s[0]);
	packet_reader_destroy(r);
	packet_writer_destroy(w);
}

static int json_of(const char *text, size_t size)
{
	json_t *o = NULL;
	struct packet p = {.type = PACKET_CONTROL, .data = text, .size = size};
	int rc = packet_get_json(&p, &o);
	json_decref(o);
	return rc;
}

static void test_json_bounds(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{"{}", 0},
		{"{\"a\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}", 0},
		{"{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", PMIG_EPROTOCOL},
		{"{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"}", 0},
		{"{\"a\":1,\"a\":2}", PMIG_EPROTOCOL},
		{"[]", PMIG_EPROTOCOL},
		{"", PMIG_EPROTOCOL},
		{"{} {}", PMIG_EPROTOCOL},
		{"{\"a\":\"\\u0000\"}", PMIG_EPROTOCOL},
		{"{\"a\":\"\xff\"}", PMIG_EPROTOCOL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(json_of(cases[i].text, strlen(cases[i].text)), cases[i].rc);
	char *big = malloc(PACKET_JSON_MAX + 1);
	memset(big, ' ', PACKET_JSON_MAX + 1);
	memcpy(big, "{}", 2);
	assert_int_equal(json_of(big, PACKET_JSON_MAX), 0);
	assert_int_equal(json_of(big, PACKET_JSON_MAX + 1), PMIG_EPROTOCOL);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_another_version_is_told_what_to_do),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_bit_flip),
		cmocka_unit_test(test_sizes_and_packing),
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_json_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
