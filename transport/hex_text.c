/* hex_text: to and from JSON. */
#include "hex_text.h"

#include "../runtime/base/hex.h"

#include <stdlib.h>
#include <string.h>

json_t *hex_text_json(const char *bytes)
{
	json_t *t = json_string(bytes);
	size_t n = strlen(bytes);
	char *hex = t == NULL ? malloc(2 * n + 1) : NULL;
	if (hex == NULL)
		return t;
	hex_put(bytes, n, hex);
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
	if (!hex_get(hex, ret_bytes, n / 2))
		return false;
	ret_bytes[n / 2] = '\0';
	return strlen(ret_bytes) == n / 2;
}
