/* websocket: sends every WebSocket message back (RFC 6455), with a thread for each connection: websocket PORT. */
#define _GNU_SOURCE
#include <endian.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "server.h"

#define MOST (4U << 20) /* bytes of a frame */
enum { CLOSE = 8, PING = 9, PONG = 10 };

/* SHA-1 (FIPS 180-4) of less than 120 bytes, which is all that a handshake wants. */
static void digest(const char *text, uint8_t to[20])
{
	uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, w[80];
	uint8_t m[128] = {0};
	size_t size = strlen(text), blocks = size < 56 ? 1 : 2;
	memcpy(m, text, size);
	m[size] = 0x80;
	uint64_t bits = htobe64(8 * size);
	memcpy(m + 64 * blocks - 8, &bits, 8);
	for (size_t b = 0; b < blocks; b++) {
		uint32_t v[5];
		memcpy(v, h, sizeof v);
		for (size_t i = 0; i < 80; i++) {
			uint32_t f, k, x;
			if (i < 16) {
				memcpy(&x, m + 64 * b + 4 * i, 4);
				w[i] = be32toh(x);
			} else {
				x = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
				w[i] = x << 1 | x >> 31;
			}
			switch (i / 20) {
			case 0:
				f = (v[1] & v[2]) | (~v[1] & v[3]), k = 0x5a827999;
				break;
			case 1:
				f = v[1] ^ v[2] ^ v[3], k = 0x6ed9eba1;
				break;
			case 2:
				f = (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3]), k = 0x8f1bbcdc;
				break;
			default:
				f = v[1] ^ v[2] ^ v[3], k = 0xca62c1d6;
			}
			x = (v[0] << 5 | v[0] >> 27) + f + v[4] + k + w[i];
			v[4] = v[3], v[3] = v[2], v[2] = v[1] << 30 | v[1] >> 2, v[1] = v[0], v[0] = x;
		}
		for (int i = 0; i < 5; i++)
			h[i] += v[i];
	}
	for (int i = 0; i < 20; i++)
		to[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const uint8_t from[20], char to[29])
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (int i = 0; i < 7; i++) {
		uint32_t three = (uint32_t)from[3 * i] << 16 | (uint32_t)from[3 * i + 1] << 8 |
			(i < 6 ? from[3 * i + 2] : 0U);
		for (int j = 0; j < 4; j++)
			to[4 * i + j] = letters[three >> (18 - 6 * j) & 63];
	}
	to[27] = '=';
	to[28] = '\0';
}

static int shake_hands(int fd)
{
	char head[4096], key[64] = "", full[120], text[300];
	uint8_t sum[20];
	size_t n = 0;
	for (; n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0; n++)
		if (n == sizeof head - 1 || server_read(fd, head + n, 1) < 0)
			return -1;
	head[n] = '\0';
	const char *at = strcasestr(head, "\r\nSec-WebSocket-Key:");
	if (at == NULL || sscanf(at + 20, " %63[^\r ]", key) != 1)
		return -1;
	snprintf(full, sizeof full, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	digest(full, sum);
	base64(sum, key);
	return server_write(fd, text,
		(size_t)snprintf(text, sizeof text,
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			key));
}

/* The frame as it came, unmasked, which is how a server sends it. 1: it was the last one. */
static int echo(int fd, uint8_t *payload)
{
	uint8_t head[14], out[10], mask[4];
	uint64_t size;
	size_t n = 2;
	if (server_read(fd, head, 2) < 0 || (head[1] & 0x80) == 0)
		return -1;
	size = head[1] & 0x7f;
	if (size >= 126) {
		size_t bytes = size == 126 ? 2 : 8;
		if (server_read(fd, head + 2, bytes) < 0)
			return -1;
		size = 0;
		for (size_t i = 0; i < bytes; i++)
			size = size << 8 | head[2 + i];
		n += bytes;
	}
	if (size > MOST || server_read(fd, mask, sizeof mask) < 0 || server_read(fd, payload, size) < 0)
		return -1;
	for (size_t i = 0; i < size; i++)
		payload[i] ^= mask[i % 4];
	memcpy(out, head, n);
	out[1] &= 0x7f;
	if ((head[0] & 15) == PING)
		out[0] = (uint8_t)((head[0] & 0xf0) | PONG);
	if ((head[0] & 15) != PONG && (server_write(fd, out, n) < 0 || server_write(fd, payload, size) < 0))
		return -1;
	return (head[0] & 15) == CLOSE;
}

static void serve(int fd)
{
	uint8_t *payload = malloc(MOST);
	if (shake_hands(fd) == 0)
		while (echo(fd, payload) == 0)
			;
	free(payload);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	server_run(argv[1], serve);
}
