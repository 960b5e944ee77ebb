/* plain_hello: what comes first on a plain TCP connection by which a held connection's bytes go straight from its holder to the program.
 * Fixed size, so that who has not shown the token makes nobody allocate anything. Little-endian:
 *
 *   0 u64 magic   8 u32 version   12 u32 zero   16 u64 epoch   24 u64 reference   32 token
 *
 * The token is random, made by the target for one way of one hand-over, and comes to the holder over SSH. It is compared in constant time.
 * PLAIN_WELCOME, one byte, is the answer; who is not welcome finds the connection reset. */
#ifndef PMIG_TRANSPORT_PLAIN_HELLO_H
#define PMIG_TRANSPORT_PLAIN_HELLO_H

#include "../runtime/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAIN_TOKEN 32
#define PLAIN_TOKEN_TEXT (2 * PLAIN_TOKEN + 1)
#define PLAIN_HELLO 64 /* bytes on the wire */
#define PLAIN_WELCOME '+'

struct plain_hello {
	uint64_t epoch, reference;
	unsigned char token[PLAIN_TOKEN];
};

void plain_hello_put(const struct plain_hello *h, unsigned char to[PLAIN_HELLO]);
int plain_hello_get(const unsigned char from[PLAIN_HELLO],
	struct plain_hello *ret) PMIG_MUST_CHECK; /* PMIG_EPROTOCOL, PMIG_EVERSION */

/* Whether both are the same in all three, in a time that tells nothing about where the tokens differ. */
bool plain_hello_same(const struct plain_hello *one, const struct plain_hello *other);

void plain_token_text(const unsigned char token[PLAIN_TOKEN], char ret_text[PLAIN_TOKEN_TEXT]);
bool plain_token_parse(const char *text, unsigned char ret_token[PLAIN_TOKEN]);

#endif
