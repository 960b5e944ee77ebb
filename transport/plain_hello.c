/* plain_hello: its writer and its reader. */
#include "plain_hello.h"

#include "../runtime/base/hex.h"

#include <endian.h>
#include <string.h>

#define MAGIC 0x6e616c7067696d70u /* "pmigplan" */
#define VERSION 1

struct wire {
	uint64_t magic;
	uint32_t version, zero;
	uint64_t epoch, reference;
	unsigned char token[PLAIN_TOKEN];
};
_Static_assert(sizeof(struct wire) == PLAIN_HELLO, "no padding");

void plain_hello_put(const struct plain_hello *h, unsigned char to[PLAIN_HELLO])
{
	struct wire w = {htole64(MAGIC), htole32(VERSION), 0, htole64(h->epoch), htole64(h->reference), {0}};
	memcpy(w.token, h->token, PLAIN_TOKEN);
	memcpy(to, &w, sizeof w);
}

int plain_hello_get(const unsigned char from[PLAIN_HELLO], struct plain_hello *ret)
{
	struct wire w;
	memcpy(&w, from, sizeof w);
	if (le64toh(w.magic) != MAGIC || w.zero != 0)
		return error_set(PMIG_EPROTOCOL, "plain TCP: what comes does not speak as an agent does");
	if (le32toh(w.version) != VERSION)
		return error_set(PMIG_EVERSION, "plain TCP: version %u is not known here", le32toh(w.version));
	*ret = (struct plain_hello){.epoch = le64toh(w.epoch), .reference = le64toh(w.reference)};
	memcpy(ret->token, w.token, PLAIN_TOKEN);
	return 0;
}

bool plain_hello_same(const struct plain_hello *one, const struct plain_hello *other)
{
	volatile unsigned char differs = 0; /* so that no compiler ends the loop early */
	for (size_t i = 0; i < PLAIN_TOKEN; i++)
		differs = (unsigned char)(differs | (one->token[i] ^ other->token[i]));
	return differs == 0 && one->epoch == other->epoch && one->reference == other->reference;
}

void plain_token_text(const unsigned char token[PLAIN_TOKEN], char ret_text[PLAIN_TOKEN_TEXT])
{
	hex_put(token, PLAIN_TOKEN, ret_text);
}

bool plain_token_parse(const char *text, unsigned char ret_token[PLAIN_TOKEN])
{
	unsigned char token[PLAIN_TOKEN];
	if (strnlen(text, PLAIN_TOKEN_TEXT) != PLAIN_TOKEN_TEXT - 1 || !hex_get(text, token, PLAIN_TOKEN))
		return false;
	memcpy(ret_token, token, PLAIN_TOKEN);
	return true;
}
