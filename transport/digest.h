/* digest: the small old digests that other people's formats ask for. Content of our own is hashed with xxh3. */
#ifndef PMIG_TRANSPORT_DIGEST_H
#define PMIG_TRANSPORT_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DIGEST_SHA1 20

/* HMAC-SHA1 (RFC 2104, FIPS 180-4): hashed host names in known_hosts. */
void digest_hmac_sha1(const void *key, size_t key_size, const void *data, size_t size, uint8_t ret_mac[DIGEST_SHA1]);

/* RFC 4648 base64 with padding. Decoding returns the number of bytes, -1 when the text is not base64 or exceeds `max`. */
ssize_t digest_base64_decode(const char *text, size_t size, uint8_t *ret_bytes, size_t max);
/* Encodes without padding, as OpenSSH prints fingerprints; `text` has room for 4 * (size + 2) / 3 + 1. */
void digest_base64_encode(const uint8_t *bytes, size_t size, char *text);

/* The CRC of cksum(1) (POSIX.1-2017): continue with digest_cksum() from 0, end with digest_cksum_end(). */
uint32_t digest_cksum(uint32_t crc, const void *data, size_t size);
uint32_t digest_cksum_end(uint32_t crc, uint64_t total);

#endif
