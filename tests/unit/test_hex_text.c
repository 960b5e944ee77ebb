/* hex_text: any bytes come back as they went; what is not such a text is refused. */
#include "transport/hex_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void texts_come_back(void **state)
{
	static const char *const texts[] = {"", "plain", "two\nlines", "gr\xc3\xbc\xc3\x9f", "caf\xe9", "\xff\xfe\x01", " "};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char back[32];
		json_t *json = hex_text_json(texts[i]);
		assert_non_null(json);
		assert_true(hex_text_get(json, back, sizeof back));
		assert_string_equal(back, texts[i]);
		char *taken = hex_text_take(json);
		assert_non_null(taken);
		assert_string_equal(taken, texts[i]);
		free(taken);
		if (strlen(texts[i]) > 0)
			assert_false(hex_text_get(json, back, strlen(texts[i]))); /* no room for the NUL */
		json_decref(json);
	}
}

static void what_is_not_such_a_text_is_refused(void **state)
{
	static const char *const texts[] = {"1", "null", "[]", "{}", "{\"hex\": 3}", "{\"hex\": \"1\"}", "{\"hex\": \"zz\"}",
		"{\"hex\": \"4100\"}", "{\"hex\": \"AB\"}", "\"a\\u0000b\""};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char back[8];
		json_t *json = json_loads(texts[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(json);
		if (hex_text_get(json, back, sizeof back))
			fail_msg("%s was taken", texts[i]);
		json_decref(json);
	}
	char back[8];
	assert_false(hex_text_get(NULL, back, sizeof back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_come_back),
		cmocka_unit_test(what_is_not_such_a_text_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
