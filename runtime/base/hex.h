/* hex: bytes as lower-case hexadecimal digits, two for each, and back. */
#ifndef PMIG_BASE_HEX_H
#define PMIG_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>

/* Writes 2 * `size` digits and a NUL. */
static inline void hex_put(const void *bytes, size_t size, char *ret_text)
{
	const unsigned char *b = bytes;
	for (size_t i = 0; i < size; i++) {
		ret_text[2 * i] = "0123456789abcdef"[b[i] >> 4];
		ret_text[2 * i + 1] = "0123456789abcdef"[b[i] & 15];
	}
	ret_text[2 * size] = '\0';
}

static inline int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `size` bytes of 2 * `size` digits. False: it has others. */
static inline bool hex_get(const char *text, void *ret_bytes, size_t size)
{
	unsigned char *b = ret_bytes;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
		if (low < 0)
			return false;
		b[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

#endif
