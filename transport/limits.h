/* limits: what a host lets come to it, as the text of pmig-limits(5): fields and values, a line each. Pure; agent_limits.c reads the files.
 *
 *	sender  = alice@laptop            # USER@HOST of who runs `pmig`, as that says; a pattern (fnmatch(3)); any number of them
 *	from    = 192.0.2.*               # where the SSH connection comes from, as sshd says; the same
 *	program = 9f86d081...             # SHA-256 of what may be run, 64 hex digits; any number of them
 *	address = tcp 127.0.0.1:80??      # what a program may be given to listen at; a pattern; any number of them
 *	memory  = 4GB                     # the most of an image; once
 *	disk    = 20GB                    # the most that pmig keeps on disk here; once
 *
 * What has no line has no limit. "none" as a value of one of the first four allows nothing by itself. */
#ifndef PMIG_TRANSPORT_LIMITS_H
#define PMIG_TRANSPORT_LIMITS_H

#include "runtime/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMITS_SIZE_MAX 65536u /* bytes of a file */
#define LIMITS_RULES_MAX 1024
#define LIMITS_VALUE_MAX 255
#define LIMITS_HASH 65 /* SHA-256 in hex, and NUL */

enum limits_field { LIMITS_SENDER = 1, LIMITS_FROM, LIMITS_PROGRAM, LIMITS_ADDRESS, LIMITS_MEMORY, LIMITS_DISK };

struct limits;

/* `name` is the file's, for sentences; both texts are copied. PMIG_EINVAL: "NAME:LINE:COLUMN: expected ..., found ...". */
int limits_parse(const char *name, const char *text, size_t size, struct limits **ret_limits) PMIG_MUST_CHECK;
void limits_destroy(struct limits *l); /* NULL is fine */

/* 0: `value` (a text, and for the last two fields a number of bytes) is allowed; PMIG_EREFUSED: a sentence that names file and line. NULL
 * for `l` allows all. */
int limits_allow(const struct limits *l, enum limits_field field, const char *value) PMIG_MUST_CHECK;
int limits_allow_bytes(const struct limits *l, enum limits_field field, uint64_t bytes) PMIG_MUST_CHECK;

/* How many bytes are allowed; UINT64_MAX where no line says so. */
uint64_t limits_bytes(const struct limits *l, enum limits_field field);

/* Whether there is a line of it. */
bool limits_has(const struct limits *l, enum limits_field field);

#endif
