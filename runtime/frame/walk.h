/* walk: takes the native stack of the calling thread apart into captured frames. */
#ifndef PMIG_FRAME_WALK_H
#define PMIG_FRAME_WALK_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* A captured frame; its record (struct program_site.record_size bytes, padded to 8) follows. Innermost first. Part of
 * the image: IMAGE_FRAMES is a struct walk_header and then these. */
struct walk_frame {
	uint32_t site;
	uint32_t size; /* of the padded record */
};

#define WALK_VERSION 1

struct walk_header {
	uint64_t count;  /* frames */
	uint64_t size;   /* bytes behind this header */
	uint64_t thread; /* its arena block */
};

/* A buffer outside the arena and every heap; grows. Zero-initialised is empty. */
struct walk_buffer {
	char *bytes;
	size_t size, capacity;
	uint64_t count; /* frames */
};

/* Before the program starts: lets libunwind open what it keeps open, out of the program's way. */
void walk_start(void);

/* Captures every frame from the caller of pmig_stop(), whose return address is `from`, down to the driver. Errors: PMIG_EFOREIGN (the
 * reason names the function that stands between), PMIG_ENOMEM, PMIG_ECORRUPT. The buffer is then empty. */
PMIG_MUST_CHECK int walk_stack(const void *from, struct walk_buffer *ret);

/* Appends frames captured earlier. Error: PMIG_ENOMEM. */
PMIG_MUST_CHECK int walk_append(struct walk_buffer *b, const void *frames, size_t size, uint64_t count);

void walk_finish(struct walk_buffer *b);

/* Writes the names of the innermost functions of the interrupted or calling thread into `out`, for a message. From a signal handler with its
 * third argument, else with NULL. */
void walk_describe(void *context, char *out, size_t size);

#endif
