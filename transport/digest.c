/* digest: SHA-1 with HMAC, base64, and the CRC of cksum(1). */
#include "digest.h"

#include <stdbool.h>
#include <string.h>

#define BLOCK 64

struct sha1 {
	uint32_t h[5];
	uint64_t size;
	uint8_t block[BLOCK];
};

static uint32_t rotate(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static uint32_t big_endian(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void sha1_block(struct sha1 *s)
{
	static const uint32_t constants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
	uint32_t w[80], a = s->h[0], b = s->h[1], c = s->h[2], d = s->h[3], e = s->h[4];
	for (unsigned t = 0; t < 16; t++)
		w[t] = big_endian(s->block + 4 * t);
	for (unsigned t = 16; t < 80; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	for (unsigned t = 0; t < 80; t++) {
		uint32_t f = t < 20 ? ((b & c) | (~b & d)) : t < 40 || t >= 60 ? (b ^ c ^ d) : ((b & c) | (b & d) | (c & d));
		uint32_t next = rotate(a, 5) + f + e + constants[t / 20] + w[t];
		e = d, d = c, c = rotate(b, 30), b = a, a = next;
	}
	s->h[0] += a, s->h[1] += b, s->h[2] += c, s->h[3] += d, s->h[4] += e;
}

static void sha1_init(struct sha1 *s)
{
	*s = (struct sha1){.h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
}

static void sha1_add(struct sha1 *s, const void *data, size_t size)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < size; i++) {
		s->block[s->size++ % BLOCK] = p[i];
		if (s->size % BLOCK == 0)
			sha1_block(s);
	}
}

static void sha1_end(struct sha1 *s, uint8_t ret[DIGEST_SHA1])
{
	uint64_t bits = s->size * 8;
	uint8_t length[8];
	for (unsigned i = 0; i < 8; i++)
		length[i] = (uint8_t)(bits >> (56 - 8 * i));
	sha1_add(s, "\x80", 1);
	while (s->size % BLOCK != BLOCK - 8)
		sha1_add(s, "", 1);
	sha1_add(s, length, 8);
	for (unsigned i = 0; i < DIGEST_SHA1; i++)
		ret[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

void digest_hmac_sha1(const void *key, size_t key_size, const void *data, size_t size, uint8_t ret_mac[DIGEST_SHA1])
{
	struct sha1 s;
	uint8_t short_key[BLOCK] = {0}, inner[BLOCK], outer[BLOCK];
	if (key_size > BLOCK) {
		sha1_init(&s);
		sha1_add(&s, key, key_size);
		sha1_end(&s, short_key);
	} else {
		memcpy(short_key, key, key_size);
	}
	for (unsigned i = 0; i < BLOCK; i++) {
		inner[i] = short_key[i] ^ 0x36;
		outer[i] = short_key[i] ^ 0x5c;
	}
	sha1_init(&s);
	sha1_add(&s, inner, BLOCK);
	sha1_add(&s, data, size);
	sha1_end(&s, ret_mac);
	sha1_init(&s);
	sha1_add(&s, outer, BLOCK);
	sha1_add(&s, ret_mac, DIGEST_SHA1);
	sha1_end(&s, ret_mac);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

ssize_t digest_base64_decode(const char *text, size_t size, uint8_t *ret_bytes, size_t max)
{
	size_t padding = 0, n = 0;
	uint32_t bits = 0;
	if (size % 4 != 0)
		return -1;
	while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < size - padding; i++) {
		const char *at = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;
		if (at == NULL)
			return -1;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		if (i % 4 == 0)
			continue;
		if (n == max)
			return -1;
		ret_bytes[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	return (ssize_t)n;
}

void digest_base64_encode(const uint8_t *bytes, size_t size, char *text)
{
	uint32_t bits = 0;
	unsigned count = 0;
	for (size_t i = 0; i < size; i++) {
		bits = bits << 8 | bytes[i];
		for (count += 8; count >= 6; count -= 6)
			*text++ = alphabet[bits >> (count - 6) & 63];
	}
	if (count > 0)
		*text++ = alphabet[bits << (6 - count) & 63];
	*text = '\0';
}

uint32_t digest_cksum(uint32_t crc, const void *data, size_t size)
{
	static uint32_t table[256]; /* the same values whoever computes them, and whenever */
	static _Atomic bool ready;
	if (!ready) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t v = i << 24;
			for (unsigned bit = 0; bit < 8; bit++)
				v = v << 1 ^ (v & 0x80000000u ? 0x04c11db7u : 0);
			table[i] = v;
		}
		ready = true;
	}
	const uint8_t *p = data;
	for (size_t i = 0; i < size; i++)
		crc = crc << 8 ^ table[crc >> 24 ^ p[i]];
	return crc;
}

uint32_t digest_cksum_end(uint32_t crc, uint64_t total)
{
	for (; total > 0; total >>= 8) {
		uint8_t byte = (uint8_t)total;
		crc = digest_cksum(crc, &byte, 1);
	}
	return ~crc;
}
