/* proof: that somebody knows a key, without saying it: SipHash-2-4 (Aumasson, Bernstein: SipHash: a Fast Short-Input PRF, INDOCRYPT
 * 2012; the reference code's test vectors are those of its unit test). */
#ifndef PMIG_PEER_PROOF_H
#define PMIG_PEER_PROOF_H

#include "peer/frame.h"

/* Who says it, so that nobody can send back what it heard. */
enum proof_who { PROOF_SERVER = 1, PROOF_CALLER, PROOF_STALE };

struct proof {
	enum proof_who who;
	uint8_t nonces[2][FRAME_ID]; /* the caller's, the server's */
	uint64_t epoch;              /* of who says it; PROOF_STALE: that it has seen */
	uint64_t received;           /* PROOF_STALE: the token that the server of that epoch has given */
};

uint64_t pmig_peer_proof(const uint8_t key[FRAME_ID], const struct proof *proof);

/* SipHash-2-4 of any bytes. */
uint64_t pmig_peer_proof_hash(const uint8_t key[FRAME_ID], const void *bytes, size_t size);

#endif
