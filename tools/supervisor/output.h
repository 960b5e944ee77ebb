/* output: where the program's output goes at home: descriptors, written without blocking the supervisor, each byte once. */
#ifndef PMIG_SUPERVISOR_OUTPUT_H
#define PMIG_SUPERVISOR_OUTPUT_H

#include "transport/loop.h"

#include <stdint.h>

struct output;

/* Writes to `fd` (borrowed), beginning with stream offset `start`. `written` is called when output_done() has advanced. */
int output_create(struct loop *loop, int fd, uint64_t start, void (*written)(void *context), void *context,
	struct output **ret_output) PMIG_MUST_CHECK;
void output_destroy(struct output *o); /* NULL is fine */

/* Takes what is new in `size` bytes at `offset`; bytes that came before are dropped. PMIG_EPROTOCOL: a gap. */
int output_put(struct output *o, uint64_t offset, const void *data, size_t size) PMIG_MUST_CHECK;
void output_skip(struct output *o,
	uint64_t offset);                      /* everything before was written by another supervisor; once nothing waits */
uint64_t output_taken(const struct output *o); /* offset behind the last byte that was put */
uint64_t output_done(const struct output *o);  /* everything before has been written */
bool output_broken(const struct output *o);    /* nobody reads: what comes counts as written */

#endif
