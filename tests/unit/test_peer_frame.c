/* frame: the bytes as they are, each field; every truncation, every bit flip, every size out of bounds. */
#include "peer/frame.h"

#include <pmig/pmig.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* Version 1, an answer: it is read for ever. */
static const uint8_t golden[] = {
	'p', 'P', 1, 2,                                   /* magic, version, FRAME_ANSWER */
	0, 0, 0, 82,                                      /* bytes of the body */
	0, 0, 0, 0, 0, 0, 1, 3,                           /* number: epoch 259 */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,   /* id */
	2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,   /* key */
	3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,   /* nonce */
	0, 0, 0, 0, 0, 0, 0, 4,                           /* proof */
	0, 0, 0, 0, 0, 0, 0, 5,                           /* received */
	0, 0, 0, 0, 0, 1, 0, 0,                           /* window */
	'1', '0', '.', '0', '.', '0', '.', '2', ':', '7', /* addresses */
};

static struct frame_answer answer(void)
{
	struct frame_answer a = {.proof = 4, .received = 5, .window = 65536, .addresses = "10.0.0.2:7"};
	memset(a.id, 1, sizeof a.id);
	memset(a.key, 2, sizeof a.key);
	memset(a.nonce, 3, sizeof a.nonce);
	return a;
}

static void bytes_as_they_are(void **unused)
{
	(void)unused;
	uint8_t body[FRAME_BODY_MOST], bytes[FRAME_HEADER + FRAME_BODY_MOST];
	struct frame_answer a = answer(), read;
	struct frame f = {FRAME_ANSWER, 259, body, pmig_peer_frame_answer_put(body, &a)};
	assert_int_equal(pmig_peer_frame_put(bytes, &f), sizeof golden);
	assert_memory_equal(bytes, golden, sizeof golden);
	assert_int_equal(pmig_peer_frame_look(golden, sizeof golden, &f), sizeof golden);
	assert_int_equal(f.type, FRAME_ANSWER);
	assert_int_equal(f.number, 259);
	memset(&read, 0xee, sizeof read);
	assert_int_equal(pmig_peer_frame_answer_get(&f, &read), 0);
	assert_memory_equal(read.id, a.id, sizeof a.id);
	assert_memory_equal(read.key, a.key, sizeof a.key);
	assert_memory_equal(read.nonce, a.nonce, sizeof a.nonce);
	assert_int_equal(read.proof, 4);
	assert_int_equal(read.received, 5);
	assert_int_equal(read.window, 65536);
	assert_string_equal(read.addresses, "10.0.0.2:7");
}

static void other_bodies_come_back(void **unused)
{
	(void)unused;
	uint8_t body[FRAME_BODY_MOST];
	struct frame_call call = {{1}, {2}, 3, 4}, call_read;
	struct frame_confirm confirm = {5, 6}, confirm_read;
	struct frame f = {FRAME_CALL, 0, body, pmig_peer_frame_call_put(body, &call)};
	pmig_peer_frame_call_get(&f, &call_read);
	assert_memory_equal(&call, &call_read, sizeof call);
	f = (struct frame){FRAME_CONFIRM, 0, body, pmig_peer_frame_confirm_put(body, &confirm)};
	pmig_peer_frame_confirm_get(&f, &confirm_read);
	assert_memory_equal(&confirm, &confirm_read, sizeof confirm);
	f = (struct frame){FRAME_STALE, 0, body, pmig_peer_frame_number_put(body, UINT64_MAX - 1)};
	assert_true(pmig_peer_frame_number_get(&f) == UINT64_MAX - 1);
}

static void half_of_it_is_not_there_yet(void **unused)
{
	(void)unused;
	struct frame f;
	for (size_t i = 1; i < sizeof golden; i++)
		assert_int_equal(pmig_peer_frame_look(golden, i, &f), 0);
}

/* A flipped bit is refused, or another value; never a size that its type does not have. */
static void flipped_bits(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof golden * 8; i++) {
		uint8_t bytes[sizeof golden];
		struct frame f;
		struct frame_answer a;
		memcpy(bytes, golden, sizeof golden);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		int n = pmig_peer_frame_look(bytes, sizeof bytes, &f);
		if (i / 8 < 2)
			assert_int_equal(n, PMIG_EPROTOCOL);
		else if (i / 8 == 2)
			assert_int_equal(n, PMIG_EVERSION);
		else if (i / 8 >= 8)
			assert_int_equal(n, sizeof golden);
		assert_true(n <= (int)sizeof golden);
		if (n > 0 && f.type == FRAME_ANSWER)
			(void)pmig_peer_frame_answer_get(&f, &a);
	}
}

static void sizes_have_bounds(void **unused)
{
	(void)unused;
	static const struct {
		uint32_t least, most;
	} want[] = {[FRAME_CALL] = {48, 48},
		[FRAME_ANSWER] = {72, 1096},
		[FRAME_CONFIRM] = {16, 16},
		[FRAME_STALE] = {8, 8},
		[FRAME_REFUSE] = {0, 1024},
		[FRAME_DATA] = {1, 32768},
		[FRAME_ACK] = {0, 0},
		[FRAME_END] = {0, 0},
		[FRAME_MOVED] = {0, 1024},
		[FRAME_PING] = {0, 0},
		[FRAME_BYE] = {0, 0}};
	for (unsigned type = 0; type < 256; type++)
		for (uint32_t size = 0; size < 70000; size += size < 1200 ? 1 : 397) {
			uint8_t bytes[FRAME_HEADER] = {
				'p', 'P', 1, (uint8_t)type, 0, (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
			struct frame f;
			bool good = type >= 1 && type <= FRAME_LAST && size >= want[type].least && size <= want[type].most;
			assert_int_equal(pmig_peer_frame_look(bytes, sizeof bytes, &f),
				good ? (size == 0 ? FRAME_HEADER : 0) : PMIG_EPROTOCOL);
		}
	uint8_t huge[FRAME_HEADER] = {'p', 'P', 1, FRAME_DATA, 0xff, 0xff, 0xff, 0xff};
	assert_int_equal(pmig_peer_frame_look(huge, sizeof huge, &(struct frame){0}), PMIG_EPROTOCOL);
}

static void texts_are_printable(void **unused)
{
	(void)unused;
	char text[FRAME_TEXT + 1];
	uint8_t bytes[FRAME_TEXT + 1];
	memset(bytes, 'x', sizeof bytes);
	assert_int_equal(pmig_peer_frame_text_get(bytes, FRAME_TEXT, text), 0);
	assert_int_equal(strlen(text), FRAME_TEXT);
	assert_int_equal(pmig_peer_frame_text_get(bytes, FRAME_TEXT + 1, text), PMIG_EPROTOCOL);
	for (int c = 0; c < 256; c++) {
		bytes[7] = (uint8_t)c;
		assert_int_equal(pmig_peer_frame_text_get(bytes, 20, text), c >= ' ' && c <= '~' ? 0 : PMIG_EPROTOCOL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_as_they_are),
		cmocka_unit_test(other_bodies_come_back),
		cmocka_unit_test(half_of_it_is_not_there_yet),
		cmocka_unit_test(flipped_bits),
		cmocka_unit_test(sizes_have_bounds),
		cmocka_unit_test(texts_are_printable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
