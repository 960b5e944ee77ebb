/* checkpoint: the whole state of the stopped program into an image, and out of it again. */
#ifndef PMIG_CHECKPOINT_H
#define PMIG_CHECKPOINT_H

#include "base/error.h"
#include "frame/walk.h"

#include <stdint.h>

struct checkpoint_result {
	uint64_t bytes;  /* of the image */
	uint64_t frames; /* captured and pending */
};

/* Writes the image of this process to `fd` (borrowed, at offset 0). `frames`: what each thread captured, by its block (ARENA_THREADS_MAX of
 * them; NULL: it has none); all stand still. The resources were prepared; on failure they are as before (resource_continue() was called). Errors: those of image, resource; PMIG_EPOINTER. */
PMIG_MUST_CHECK int checkpoint_write(int fd, struct walk_buffer *const *frames, struct checkpoint_result *ret);

/* Makes this fresh process, in which nothing of the program has run, the one in the image at `fd` (taken: closed). `name` is for
 * messages; `verified`: its bytes need not be compared with their hashes any more. Afterwards its threads wait for thread_go_on(). `*ret_from`
 * gets the name of the host at which it was made (static). Errors: PMIG_ECORRUPT, PMIG_EVERSION, PMIG_EIDENTITY,
 * PMIG_EREFUSED, PMIG_ENOMEM, PMIG_EIO. */
PMIG_MUST_CHECK int checkpoint_read(int fd, const char *name, bool verified, const char **ret_from, uint64_t *ret_frames);

/* How many checkpoints this process, wherever it was, has taken. */
uint64_t checkpoint_number(void);

/* An address in libc in the process that wrote the image: another than here, unless address space layout is not randomised. */
const void *checkpoint_libc_then(void);
const void *checkpoint_libc_now(void);

#endif
