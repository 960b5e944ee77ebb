/* bulk_hash: hashes of whole streams, and the packets that both ends read and write. */
#include "bulk_hash.h"
#include "runtime/base/hex.h"

#include <ctype.h>
#include <string.h>

int bulk_hash_init(struct bulk_hash *h)
{
	h->state = XXH3_createState();
	if (h->state == NULL)
		return error_set(PMIG_ENOMEM, "bulk: not enough memory");
	bulk_hash_reset(h);
	return 0;
}

void bulk_hash_finish(struct bulk_hash *h)
{
	(void)XXH3_freeState(h->state);
	h->state = NULL;
}

void bulk_hash_reset(struct bulk_hash *h)
{
	(void)XXH3_128bits_reset(h->state);
}

void bulk_hash_add(struct bulk_hash *h, const void *data, size_t size)
{
	(void)XXH3_128bits_update(h->state, data, size);
}

void bulk_hash_digest(const struct bulk_hash *h, uint8_t ret_digest[BULK_HASH_SIZE])
{
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(h->state));
	memcpy(ret_digest, c.digest, sizeof c.digest);
}

void bulk_hash_hex(const uint8_t digest[BULK_HASH_SIZE], char ret_hex[2 * BULK_HASH_SIZE + 1])
{
	hex_put(digest, BULK_HASH_SIZE, ret_hex);
}

bool bulk_name_allowed(const char *name)
{
	size_t size = strlen(name);
	if (size == 0 || size >= BULK_NAME_MAX || *name == '.')
		return false;
	for (const char *c = name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("._+-", *c) == NULL)
			return false;
	return true;
}

int bulk_offer_get(const struct packet *p, struct bulk_offer *ret_offer)
{
	json_t *o;
	int rc = packet_get_json(p, &o);
	if (rc < 0)
		return rc;
	const char *name = json_string_value(json_object_get(o, "name")),
		   *kind = json_string_value(json_object_get(o, "kind"));
	const json_t *size = json_object_get(o, "size");
	if (name == NULL || kind == NULL || !bulk_name_allowed(name) || !bulk_name_allowed(kind) ||
		(size != NULL && (!json_is_integer(size) || json_integer_value(size) < 0))) {
		rc = error_set(PMIG_EPROTOCOL, "bulk: an offer without a proper name, kind or size");
	} else {
		struct bulk_offer offer = {.size = size != NULL ? (uint64_t)json_integer_value(size) : BULK_SIZE_UNKNOWN};
		(void)strcpy(offer.name, name);
		(void)strcpy(offer.kind, kind);
		*ret_offer = offer;
	}
	json_decref(o);
	return rc;
}

int bulk_refuse(struct packet_writer *w, uint16_t stream, int code)
{
	json_t *o = json_pack("{s:i, s:s}", "code", code, "reason", pmig_reason());
	if (o == NULL) /* a reason that is not UTF-8 */
		o = json_pack("{s:i, s:s}", "code", code, "reason", pmig_strerror(code));
	int rc = packet_writer_put_json(w, PACKET_FAILED, stream, o);
	json_decref(o);
	return rc;
}

int bulk_failure(const struct packet *p, const char *name)
{
	json_t *o;
	int rc = packet_get_json(p, &o);
	if (rc < 0)
		return rc;
	json_int_t code = json_integer_value(json_object_get(o, "code"));
	const char *reason = json_string_value(json_object_get(o, "reason"));
	if (code >= 0 || code < -1000)
		code = PMIG_EPROTOCOL;
	if (reason == NULL)
		reason = pmig_strerror((int)code);
	size_t length = strlen(name);
	bool named = strncmp(reason, name, length) == 0 && reason[length] == ':';
	rc = error_set((int)code, "%s%s%.900s", named ? "" : name, named ? "" : ": ", reason);
	json_decref(o);
	return rc;
}
