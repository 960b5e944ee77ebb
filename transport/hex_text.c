/* hex_text: to and from JSON. */
#include "hex_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *hex_text_json(const char *bytes)
{
	json_t *t = json_string(bytes);
	size_t n = strlen(bytes);
	char *hex = t == NULL ? malloc(2 * n + 1) : NULL;
	if (hex == NULL)
		return t;
	hex[0] = '\0';
	for (size_t i = 0; i < n; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
	t = json_pack("{s:s}", "hex", hex);
	free(hex);
	return t;
}

char *hex_text_take(const json_t *value)
{
	const char *hex = json_string_value(json_object_get(value, "hex"));
	size_t size = json_string_length(value) + (hex != NULL ? strlen(hex) / 2 : 0) + 1;
	char *bytes = malloc(size);
	if (bytes != NULL && hex_text_get(value, bytes, size))
		return bytes;
	free(bytes);
	return NULL;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_text_get(const json_t *value, char *ret_bytes, size_t size)
{
	const char *text = json_string_value(value), *hex = json_string_value(json_object_get(value, "hex"));
	if (text != NULL && json_string_length(value) == strlen(text) && strlen(text) < size) {
		memcpy(ret_bytes, text, strlen(text) + 1);
		return true;
	}
	size_t n = hex != NULL ? strlen(hex) : 1;
	if (text != NULL || n % 2 != 0 || n / 2 >= size)
		return false;
	for (size_t i = 0; i < n; i += 2) {
		int high = digit(hex[i]), low = digit(hex[i + 1]);
		if (high < 0 || low < 0 || high + low == 0)
			return false;
		ret_bytes[i / 2] = (char)(16 * high + low);
	}
	ret_bytes[n / 2] = '\0';
	return true;
}
