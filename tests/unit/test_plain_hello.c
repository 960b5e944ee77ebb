/* plain_hello: its bytes are as documented, and what comes is believed in nothing: every bit, other lengths of tokens. */
#include "transport/plain_hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct plain_hello model(void)
{
	struct plain_hello h = {.epoch = 7, .reference = 0x1122334455667788u};
	for (size_t i = 0; i < PLAIN_TOKEN; i++)
		h.token[i] = (unsigned char)(0xa0 + i);
	return h;
}

static void test_golden(void **state)
{
	(void)state;
	static const unsigned char head[] = {'p', 'm', 'i', 'g', 'p', 'l', 'a', 'n', 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0,
		0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xa0, 0xa1};
	struct plain_hello h = model(), back;
	unsigned char bytes[PLAIN_HELLO];
	plain_hello_put(&h, bytes);
	assert_memory_equal(bytes, head, sizeof head);
	assert_int_equal(plain_hello_get(bytes, &back), 0);
	assert_true(plain_hello_same(&h, &back));
}

/* Each flipped bit is refused, or is another hello. */
static void test_flips(void **state)
{
	(void)state;
	struct plain_hello h = model(), back;
	unsigned char bytes[PLAIN_HELLO];
	for (size_t bit = 0; bit < (size_t)8 * PLAIN_HELLO; bit++) {
		plain_hello_put(&h, bytes);
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		int r = plain_hello_get(bytes, &back);
		if (bit < 64 || (bit >= 96 && bit < 128))
			assert_int_equal(r, PMIG_EPROTOCOL);
		else if (bit < 96)
			assert_int_equal(r, PMIG_EVERSION);
		else
			assert_true(r == 0 && !plain_hello_same(&h, &back));
	}
}

static void test_tokens(void **state)
{
	(void)state;
	struct plain_hello h = model();
	unsigned char back[PLAIN_TOKEN] = {0};
	char text[PLAIN_TOKEN_TEXT + 1] = {0};
	plain_token_text(h.token, text);
	assert_true(plain_token_parse(text, back));
	assert_memory_equal(back, h.token, PLAIN_TOKEN);
	memset(back, 0, sizeof back);
	const unsigned char nothing[PLAIN_TOKEN] = {0};
	for (size_t at = 0; at < PLAIN_TOKEN_TEXT - 1; at++) {
		char kept = text[at];
		static const char others[] = {'g', 'A', ' ', '/', ':', '`', '\0', '\xff'};
		for (size_t i = 0; i < sizeof others; i++) {
			text[at] = others[i];
			assert_false(plain_token_parse(text, back));
		}
		text[at] = kept;
	}
	text[PLAIN_TOKEN_TEXT - 1] = '0';
	assert_false(plain_token_parse(text, back));
	assert_memory_equal(back, nothing, PLAIN_TOKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
