/* authority: host and port in the text by which a program names a service: a URL (RFC 3986, 3.2), "HOST:PORT", the absolute path of
 * a unix socket, or words as libpq has them ("host=127.0.0.1 port=5432 dbname=x"). */
#ifndef PMIG_BASE_AUTHORITY_H
#define PMIG_BASE_AUTHORITY_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

#define AUTHORITY_HOST_MAX 256

struct authority {
	char host[AUTHORITY_HOST_MAX]; /* without brackets; a path: the path */
	unsigned port;                 /* as given, else that of the scheme; a path: 0 */
	/* where they stand in the text; a size of 0: not there, and would stand at `at` */
	struct authority_part {
		size_t at, size;
	} host_part, port_part;
	bool words; /* libpq's form */
};

/* Errors: PMIG_EINVAL: several hosts, or none, or no port that is known. */
PMIG_MUST_CHECK int authority_parse(const char *text, struct authority *ret);

/* Does it name this very host, wherever it is said? */
bool authority_loopback(const struct authority *a);

/* May an open connection to `address` (as the kernel tells it: "ADDRESS:PORT", "[V6]:PORT", a path) be one to it? A name stands for
 * any address with its port. */
bool authority_names(const struct authority *a, const char *address);

/* "HOST:PORT", "[V6]:PORT" or the path. */
void authority_address(const struct authority *a, char *ret, size_t size);

/* `text`, which *a was parsed from, with another address in its place. Errors: PMIG_EINVAL (not an address, or too long). */
PMIG_MUST_CHECK int authority_replace(const char *text, const struct authority *a, const char *address, char *ret,
	size_t size);

#endif
