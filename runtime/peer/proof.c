/* proof: SipHash-2-4 over what both sides said at the beginning of a connection; proof.h tells. */
#include "peer/proof.h"

#include <string.h>

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void mix(uint64_t v[4], int rounds)
{
	for (int i = 0; i < rounds; i++) {
		v[0] += v[1], v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1], v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

/* Up to eight bytes, the first one lowest. */
static uint64_t word(const uint8_t *bytes, size_t size)
{
	uint64_t w = 0;
	for (size_t i = 0; i < size; i++)
		w |= (uint64_t)bytes[i] << (8 * i);
	return w;
}

uint64_t pmig_peer_proof_hash(const uint8_t key[FRAME_ID], const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint64_t k0 = word(key, 8), k1 = word(key + 8, 8);
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
	for (size_t left = size;; left -= 8, at += 8) {
		uint64_t m = left >= 8 ? word(at, 8) : word(at, left) | (uint64_t)size << 56;
		v[3] ^= m;
		mix(v, 2);
		v[0] ^= m;
		if (left < 8)
			break;
	}
	v[2] ^= 0xff;
	mix(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t pmig_peer_proof(const uint8_t key[FRAME_ID], const struct proof *proof)
{
	uint8_t bytes[1 + 2 * FRAME_ID + 16], *at = bytes;
	*at++ = (uint8_t)proof->who;
	memcpy(at, proof->nonces, sizeof proof->nonces);
	at += sizeof proof->nonces;
	at += pmig_peer_frame_number_put(at, proof->epoch);
	pmig_peer_frame_number_put(at, proof->received);
	return pmig_peer_proof_hash(key, bytes, sizeof bytes);
}
