/* periodic: images of a running program at intervals, of which the newest are kept: after a power failure it goes on from there.
 *
 * They lie at home, wherever the program runs: STATE/checkpoints/UUID/, or a directory that the user chose, as
 * NAME-UUID8.NUMBER.image; a file is whole and durable when it has that name. What was ordered is remembered in
 * STATE/checkpoints/UUID.json, so another supervisor (attach, restart) goes on with it. A program that ends well (0) has
 * nothing to go on from, so its images go; after any other end they stay. */
#ifndef PMIG_SUPERVISOR_PERIODIC_H
#define PMIG_SUPERVISOR_PERIODIC_H

#include "parts.h"

#define PERIODIC_KEEP 3 /* images, unless the user says otherwise */
#define PERIODIC_KEEP_MAX 1000
#define PERIODIC_LEAST_MS 100 /* between two */

struct periodic;

/* The program runs: what its options say, or what is remembered. A failure is said, and the program runs without. */
void periodic_begin(struct supervisor *s);
void periodic_ended(struct supervisor *s, int exit_status);
bool periodic_saves(const struct supervisor *s); /* an image is being made: soon another order can be taken */
void periodic_close(struct supervisor *s);

/* The newest whole image of a process that was started in `state`; all its bytes are checked. Damaged ones are passed over, each with a
 * sentence by `passed` (NULL: none). `ret_when`: nanoseconds since 1970. Errors: PMIG_ENOENT (there is none), PMIG_ECORRUPT
 * (no whole one), PMIG_EIO. */
int periodic_newest(const char *state, const char *uuid, void (*passed)(const char *reason), char ret_path[PATH_MAX],
	int64_t *ret_when) PMIG_MUST_CHECK;

/* "30", "30s", "500ms", "5m", "2h" as milliseconds. Errors: PMIG_EINVAL, in words. */
int periodic_interval(const char *text, int *ret_ms) PMIG_MUST_CHECK;

#endif
