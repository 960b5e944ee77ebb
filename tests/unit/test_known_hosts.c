/* test_known_hosts: names of every form, keys of every fate. */
#include "transport/digest.h"
#include "transport/known_hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ED25519(c) "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE" c "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define RSA "ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB"

/* The blob of ED25519(c). */
static size_t blob(const char *line, uint8_t *key, size_t max)
{
	const char *base64 = strchr(line, ' ') + 1;
	ssize_t n = digest_base64_decode(base64, strlen(base64), key, max);
	assert_true(n > 0);
	return (size_t)n;
}

static struct known_hosts_answer ask(const char *text, const char *host, uint16_t port, const char *key_line)
{
	struct known_hosts_answer a;
	uint8_t key[256];
	size_t size = key_line != NULL ? blob(key_line, key, sizeof key) : 0;
	known_hosts_search(text, strlen(text), host, port, key_line != NULL ? key : NULL, size, &a);
	return a;
}

static void test_names(void **state)
{
	(void)state;
	static const struct {
		const char *names, *host;
		uint16_t port;
		bool match;
	} cases[] = {
		{"beta", "beta", 22, true},
		{"beta", "BETA", 22, true},
		{"Beta", "beta", 22, true},
		{"beta", "beta2", 22, false},
		{"beta2", "beta", 22, false},
		{"beta", "beta", 2222, false},
		{"[beta]:2222", "beta", 2222, true},
		{"[beta]:2222", "beta", 22, false},
		{"alpha,beta,10.0.0.1", "10.0.0.1", 22, true},
		{"*.example.org", "a.example.org", 22, true},
		{"*.example.org", "example.org", 22, false},
		{"*.example.org,!bad.example.org", "bad.example.org", 22, false},
		{"!bad.example.org,*.example.org", "bad.example.org", 22, false},
		{"h?st", "host", 22, true},
		{"h?st", "hst", 22, false},
		{"*", "anything", 22, true},
		{"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 22, false},
		{"::1", "::1", 22, true},
		{"[::1]:23", "::1", 23, true},
		{"", "beta", 22, false},
		{",,", "beta", 22, false},
		/* ssh-keygen -H of "beta" and "[beta]:2222" with salts of 20 bytes '0' */
		{"|1|MDAwMDAwMDAwMDAwMDAwMDAwMDA=|HnVR6Ma+oVZ4gEH5Zp08hLmfEf0=", "beta", 22, true},
		{"|1|MDAwMDAwMDAwMDAwMDAwMDAwMDA=|HnVR6Ma+oVZ4gEH5Zp08hLmfEf0=", "Beta", 22, true},
		{"|1|MDAwMDAwMDAwMDAwMDAwMDAwMDA=|HnVR6Ma+oVZ4gEH5Zp08hLmfEf0=", "alpha", 22, false},
		{"|1|MDAwMDAwMDAwMDAwMDAwMDAwMDA=|WeVluNDZE1eL3uTDtV73bOVoy/w=", "beta", 2222, true},
		{"|1|MDAwMDAwMDAwMDAwMDAwMDAwMDA=|", "beta", 22, false},
		{"|1|MDAwMDAwMDAwMDAwMDAwMDAwMDA=", "beta", 22, false},
		{"|1||", "beta", 22, false},
		{"|1|", "beta", 22, false},
		{"|2|MDAw|MDAw", "beta", 22, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char line[512];
		(void)snprintf(line, sizeof line, "%s %s comment here\n", cases[i].names, ED25519("A"));
		struct known_hosts_answer a = ask(line, cases[i].host, cases[i].port, ED25519("A"));
		if ((a.verdict == KNOWN_HOSTS_MATCH) != cases[i].match)
			fail_msg("'%s' and %s port %u", cases[i].names, cases[i].host, cases[i].port);
	}
}

static void test_verdicts(void **state)
{
	(void)state;
	static const struct {
		const char *text, *key;
		enum known_hosts_verdict verdict;
		unsigned line, types, authorities;
	} cases[] = {
		{"", ED25519("A"), KNOWN_HOSTS_UNKNOWN, 0, 0, 0},
		{"# beta " ED25519("A") "\n\n", ED25519("A"), KNOWN_HOSTS_UNKNOWN, 0, 0, 0},
		{"x y z\nbeta " ED25519("A"), ED25519("A"), KNOWN_HOSTS_MATCH, 2, 1, 0},
		{"beta\t" ED25519("A") "\r\n", ED25519("A"), KNOWN_HOSTS_MATCH, 1, 1, 0},
		{"beta " ED25519("B") "\nbeta " ED25519("A"), ED25519("A"), KNOWN_HOSTS_MATCH, 2, 1, 0},
		{"beta " ED25519("A") "\nbeta " ED25519("B"), ED25519("A"), KNOWN_HOSTS_MATCH, 1, 1, 0},
		{"beta " RSA "\nbeta " ED25519("B"), ED25519("A"), KNOWN_HOSTS_CHANGED, 2, 17, 0},
		{"beta " RSA "\n", ED25519("A"), KNOWN_HOSTS_CHANGED, 1, 16, 0},
		{"beta " RSA "\n", NULL, KNOWN_HOSTS_CHANGED, 1, 16, 0},
		{"beta " ED25519("A") "\n@revoked * " ED25519("A"), ED25519("A"), KNOWN_HOSTS_REVOKED, 2, 1, 0},
		{"@revoked * " ED25519("A") "\nbeta " ED25519("A"), ED25519("A"), KNOWN_HOSTS_REVOKED, 1, 1, 0},
		{"@revoked * " ED25519("B") "\nbeta " ED25519("A"), ED25519("A"), KNOWN_HOSTS_MATCH, 2, 1, 0},
		{"@cert-authority * " ED25519("A"), ED25519("A"), KNOWN_HOSTS_UNKNOWN, 0, 0, 1},
		{"@other * " ED25519("A"), ED25519("A"), KNOWN_HOSTS_UNKNOWN, 0, 0, 0},
		{"beta ssh-ed25519 not*base64", ED25519("A"), KNOWN_HOSTS_UNKNOWN, 0, 0, 0},
		{"beta ssh-ed25519", ED25519("A"), KNOWN_HOSTS_UNKNOWN, 0, 0, 0},
		{"beta ssh-new AAAA", ED25519("A"), KNOWN_HOSTS_UNKNOWN, 0, 0, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct known_hosts_answer a = ask(cases[i].text, "beta", 22, cases[i].key);
		if (a.verdict != cases[i].verdict || a.line != cases[i].line || a.types != cases[i].types ||
			a.authorities != cases[i].authorities)
			fail_msg("case %zu: verdict %d line %u types %u", i, (int)a.verdict, a.line, a.types);
	}
}

/* A file is whatever somebody wrote: no byte of it may lead outside. Run with the address sanitizer it proves something. */
static void test_noise(void **state)
{
	(void)state;
	static const char text[] = "beta,*.x,!y " ED25519("A") "\n|1|MDAwMDAwMDAwMDAwMDAwMDAwMDA=|MDAw " RSA
							       "\n@revoked a " RSA "\n";
	unsigned seed = 3;
	uint8_t key[256];
	size_t size = blob(ED25519("A"), key, sizeof key);
	for (int i = 0; i < 20000; i++) {
		size_t length = (size_t)rand_r(&seed) % sizeof text;
		char *copy = malloc(length + 1);
		memcpy(copy, text, length);
		for (int k = 0; k < 3 && length > 0; k++)
			copy[(size_t)rand_r(&seed) % length] = "\n |,*!@\0=A\xff"[rand_r(&seed) % 11];
		copy = realloc(copy, length > 0 ? length : 1);
		struct known_hosts_answer a;
		known_hosts_search(copy, length, "beta", 22, key, size, &a);
		assert_true(a.verdict >= KNOWN_HOSTS_MATCH && a.verdict <= KNOWN_HOSTS_REVOKED);
		free(copy);
	}
}

static void test_digests(void **state)
{
	(void)state;
	/* RFC 2202, cases 1, 2, 6 */
	static const uint8_t want[3][DIGEST_SHA1] = {
		{0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b, 0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e, 0xf1, 0x46,
			0xbe, 0x00},
		{0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74, 0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a,
			0x7c, 0x79},
		{0xaa, 0x4a, 0xe5, 0xe1, 0x52, 0x72, 0xd0, 0x0e, 0x95, 0x70, 0x56, 0x37, 0xce, 0x8a, 0x3b, 0x55, 0xed, 0x40,
			0x21, 0x12},
	};
	uint8_t key[80], mac[DIGEST_SHA1];
	memset(key, 0x0b, 20);
	digest_hmac_sha1(key, 20, "Hi There", 8, mac);
	assert_memory_equal(mac, want[0], sizeof mac);
	digest_hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, mac);
	assert_memory_equal(mac, want[1], sizeof mac);
	memset(key, 0xaa, 80);
	digest_hmac_sha1(key, 80, "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
	assert_memory_equal(mac, want[2], sizeof mac);

	/* RFC 4648, 10 */
	static const char *const base64[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
	for (size_t i = 0; i < 7; i++) {
		char text[16];
		uint8_t bytes[6];
		digest_base64_encode((const uint8_t *)"foobar", i, text);
		assert_int_equal(strlen(text), strcspn(base64[i], "="));
		assert_memory_equal(text, base64[i], strlen(text));
		assert_int_equal(digest_base64_decode(base64[i], strlen(base64[i]), bytes, sizeof bytes), i);
		assert_memory_equal(bytes, "foobar", i);
		assert_int_equal(digest_base64_decode(base64[i], strlen(base64[i]), bytes, i > 0 ? i - 1 : 0),
			i > 0 ? -1 : 0);
	}
	/* cksum(1) of "123456789" and of nothing */
	assert_int_equal(digest_cksum_end(digest_cksum(0, "123456789", 9), 9), 930766865u);
	assert_int_equal(digest_cksum_end(0, 0), 4294967295u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
