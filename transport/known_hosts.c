/* known_hosts: line by line, the names against the host, the key against the key. */
#include "known_hosts.h"
#include "digest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEY_MAX 4096
#define NAME_MAX_BYTES 300

const char *const known_hosts_types[KNOWN_HOSTS_TYPES] = {
	"ssh-ed25519",
	"ecdsa-sha2-nistp256",
	"ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521",
	"ssh-rsa",
};

struct span {
	const char *at;
	size_t size;
};

static bool equals(struct span s, const char *word)
{
	return s.size == strlen(word) && memcmp(s.at, word, s.size) == 0;
}

/* Cuts the next blank-separated word off `rest`. */
static struct span next_word(struct span *rest)
{
	while (rest->size > 0 && (*rest->at == ' ' || *rest->at == '\t'))
		rest->at++, rest->size--;
	struct span word = {rest->at, 0};
	while (word.size < rest->size && rest->at[word.size] != ' ' && rest->at[word.size] != '\t' &&
		rest->at[word.size] != '\r')
		word.size++;
	rest->at += word.size;
	rest->size -= word.size;
	return word;
}

/* |1|salt|hash: HMAC-SHA1 of the name with the salt as key. */
static bool hashed_matches(struct span name, const char *host)
{
	uint8_t salt[DIGEST_SHA1], want[DIGEST_SHA1], have[DIGEST_SHA1];
	const char *salt_text = name.at + 3;
	const char *bar = memchr(salt_text, '|', name.size - 3);
	if (bar == NULL)
		return false;
	size_t rest = name.size - (size_t)(bar + 1 - name.at);
	if (digest_base64_decode(salt_text, (size_t)(bar - salt_text), salt, sizeof salt) != sizeof salt ||
		digest_base64_decode(bar + 1, rest, want, sizeof want) != sizeof want)
		return false;
	digest_hmac_sha1(salt, sizeof salt, host, strlen(host), have);
	return memcmp(want, have, sizeof have) == 0;
}

/* '*' and '?' only, as in OpenSSH's match_pattern(); iterative, so that no pattern costs more than size times length. */
static bool pattern_matches(struct span p, const char *s)
{
	size_t i = 0, star = SIZE_MAX;
	const char *back = s;
	while (*s != '\0') {
		if (i < p.size && p.at[i] == '*') {
			star = i++;
			back = s;
		} else if (i < p.size && (p.at[i] == '?' || strncasecmp(&p.at[i], s, 1) == 0)) {
			i++, s++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			s = ++back;
		} else {
			return false;
		}
	}
	while (i < p.size && p.at[i] == '*')
		i++;
	return i == p.size;
}

static bool names_match(struct span names, const char *host)
{
	if (names.size > 3 && memcmp(names.at, "|1|", 3) == 0)
		return hashed_matches(names, host);
	bool match = false;
	while (names.size > 0) {
		const char *comma = memchr(names.at, ',', names.size);
		struct span one = {names.at, comma != NULL ? (size_t)(comma - names.at) : names.size};
		bool not = one.size > 0 && *one.at == '!';
		if (not)
			one.at++, one.size--;
		if (pattern_matches(one, host)) {
			if (not)
				return false;
			match = true;
		}
		size_t cut = (size_t)(one.at - names.at) + one.size + (comma != NULL);
		names.at += cut;
		names.size -= cut;
	}
	return match;
}

static unsigned type_bit(struct span type)
{
	for (unsigned i = 0; i < KNOWN_HOSTS_TYPES; i++)
		if (equals(type, known_hosts_types[i]))
			return 1u << i;
	return 0;
}

struct search {
	const char *host;
	const uint8_t *key;
	size_t key_size;
	unsigned key_type; /* bit */
	bool same_type;    /* the line of `answer` has a key of this type */
	struct known_hosts_answer answer;
};

static void look_at_key(struct search *s, unsigned line, bool revoked, struct span type, struct span base64)
{
	uint8_t key[KEY_MAX];
	unsigned bit = type_bit(type);
	ssize_t size = digest_base64_decode(base64.at, base64.size, key, sizeof key);
	struct known_hosts_answer *a = &s->answer;
	if (size <= 0)
		return;
	bool same = s->key != NULL && (size_t)size == s->key_size && memcmp(key, s->key, s->key_size) == 0;
	if (revoked) {
		if (same)
			a->verdict = KNOWN_HOSTS_REVOKED, a->line = line;
		return;
	}
	if (bit == 0)
		return;
	a->types |= bit;
	if (a->verdict == KNOWN_HOSTS_REVOKED || a->verdict == KNOWN_HOSTS_MATCH)
		return;
	if (same) {
		a->verdict = KNOWN_HOSTS_MATCH, a->line = line;
	} else if (a->verdict == KNOWN_HOSTS_UNKNOWN || (!s->same_type && bit == s->key_type)) {
		a->verdict = KNOWN_HOSTS_CHANGED, a->line = line;
		s->same_type = bit == s->key_type;
	}
}

static void look_at_line(struct search *s, unsigned line, struct span text)
{
	struct span names = next_word(&text);
	if (names.size == 0 || *names.at == '#')
		return;
	bool revoked = equals(names, "@revoked"), authority = equals(names, "@cert-authority");
	if (*names.at == '@') {
		if (!revoked && !authority)
			return;
		names = next_word(&text);
	}
	if (!names_match(names, s->host))
		return;
	struct span type = next_word(&text), base64 = next_word(&text);
	if (authority)
		s->answer.authorities++;
	else
		look_at_key(s, line, revoked, type, base64);
}

/* The type stands at the beginning of every key blob, as a string with its length (RFC 4253, 6.6). */
static unsigned blob_type(const uint8_t *key, size_t size)
{
	if (key == NULL || size < 4)
		return 0;
	size_t length = (size_t)key[0] << 24 | (size_t)key[1] << 16 | (size_t)key[2] << 8 | key[3];
	if (length > size - 4)
		return 0;
	return type_bit((struct span){(const char *)key + 4, length});
}

void known_hosts_search(const char *text, size_t size, const char *host, uint16_t port, const uint8_t *key, size_t key_size,
	struct known_hosts_answer *ret_answer)
{
	char name[NAME_MAX_BYTES];
	if (port == 22)
		(void)snprintf(name, sizeof name, "%s", host);
	else
		(void)snprintf(name, sizeof name, "[%s]:%u", host, port);
	for (char *c = name; *c != '\0'; c++) /* hashes are of the name in lower case */
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	struct search s = {
		.host = name,
		.key = key,
		.key_size = key_size,
		.key_type = blob_type(key, key_size),
		.answer = {.verdict = KNOWN_HOSTS_UNKNOWN},
	};
	unsigned line = 0;
	while (size > 0) {
		const char *newline = memchr(text, '\n', size);
		size_t length = newline != NULL ? (size_t)(newline - text) : size;
		look_at_line(&s, ++line, (struct span){text, length});
		text += length + (newline != NULL);
		size -= length + (newline != NULL);
	}
	*ret_answer = s.answer;
}
