/* text: bytes from outside (names, paths, addresses) made fit for a terminal and for JSON. */
#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t text_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	if (p[0] < 0x80)
		return p[0] != '\0';
	/* Length by the first byte, and the lowest second byte that is neither overlong nor too high. */
	size_t length = p[0] >= 0xc2 && p[0] <= 0xdf ? 2
		: p[0] >= 0xe0 && p[0] <= 0xef       ? 3
		: p[0] >= 0xf0 && p[0] <= 0xf4       ? 4
						     : 0;
	unsigned low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	unsigned high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	if (length == 0 || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return length;
}

/* C0, DEL, and C1 (U+0080 to U+009F), which some terminals obey as well. */
static bool is_control(const char *text, size_t length)
{
	unsigned char first = (unsigned char)text[0];
	return (length == 1 && (first < 0x20 || first == 0x7f)) ||
		(length == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0);
}

/* The bytes that stand for themselves at `text`; 0: its first byte is to be escaped. */
static size_t plain(const char *text)
{
	size_t length = text_utf8(text);
	return length > 0 && !is_control(text, length) ? length : 0;
}

size_t text_width(const char *text)
{
	size_t width = 0;
	while (*text != '\0') {
		size_t length = plain(text);
		width += length > 0 ? 1 : 4;
		text += length > 0 ? length : 1;
	}
	return width;
}

void text_put(const char *text, FILE *out)
{
	while (*text != '\0') {
		size_t length = plain(text);
		if (length > 0)
			fwrite(text, 1, length, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)*text);
		text += length > 0 ? length : 1;
	}
}

json_t *text_json(const char *text)
{
	json_t *value = json_string(text);
	if (value != NULL)
		return value;
	char *copy = malloc(3 * strlen(text) + 1), *to = copy;
	if (copy == NULL)
		return NULL;
	while (*text != '\0') {
		size_t length = text_utf8(text);
		to = length > 0 ? mempcpy(to, text, length) : stpcpy(to, "\xef\xbf\xbd");
		text += length > 0 ? length : 1;
	}
	value = json_stringn(copy, (size_t)(to - copy));
	free(copy);
	return value;
}
