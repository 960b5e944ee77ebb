/* known_hosts: what a known_hosts text says about a host and its key (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Pure.
 *
 * Understands plain and hashed names, [host]:port, lists, wildcards, negation, @revoked. Lines with @cert-authority are
 * counted but not used: libssh2 does not speak certificates. */
#ifndef PMIG_TRANSPORT_KNOWN_HOSTS_H
#define PMIG_TRANSPORT_KNOWN_HOSTS_H

#include "runtime/base/error.h"

#include <stdint.h>

enum known_hosts_verdict {
	KNOWN_HOSTS_MATCH = 1,
	KNOWN_HOSTS_UNKNOWN, /* no usable line names the host */
	KNOWN_HOSTS_CHANGED, /* lines name the host, none has this key; `line`: the first, of the same type if there is one */
	KNOWN_HOSTS_REVOKED, /* a @revoked line has this key */
};

/* Key types, best first; libssh2's names. */
#define KNOWN_HOSTS_TYPES 5
extern const char *const known_hosts_types[KNOWN_HOSTS_TYPES];

struct known_hosts_answer {
	enum known_hosts_verdict verdict;
	unsigned line;        /* that decided; from 1; 0 if none */
	unsigned types;       /* 1 << i: the host has a line with a key of known_hosts_types[i] */
	unsigned authorities; /* @cert-authority lines that name the host */
};

/* Searches `text` for `host` (a name or an address without brackets) at `port`. `key`: the key blob as it comes over the
 * wire; NULL to learn the types alone (verdict is then UNKNOWN or CHANGED). Lines that are not understood are passed
 * over. */
void known_hosts_search(const char *text, size_t size, const char *host, uint16_t port, const uint8_t *key, size_t key_size,
	struct known_hosts_answer *ret_answer);

#endif
