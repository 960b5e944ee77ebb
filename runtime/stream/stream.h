/* stream: stdio streams at addresses that stay. libc allocates its FILE; placement (arena/interpose.h) puts it into a
 * slot of the arena's stream part. After a restore libc makes a new FILE in the same slot, so that every pointer to
 * it is good again, also one that another library holds. Only public functions of libc are used on a FILE. */
#ifndef PMIG_STREAM_STREAM_H
#define PMIG_STREAM_STREAM_H

#include "../resource/record.h"
#include "owner.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define STREAM_SLOT_SIZE 1024
#define STREAM_FILE_MAX 768 /* libc's FILE with all that belongs to it is smaller (checked at start) */
#define STREAM_SLOTS 1024
#define STREAM_UNREAD_MAX (64u << 20) /* bytes read ahead by one stream */
#define STREAM_VERSION 1

enum stream_kind {
	STREAM_DESCRIPTOR = 1, /* fdopen on a descriptor; over functions where that leads to a file at another host */
	STREAM_COOKIE,         /* fopencookie: the program's own functions, or memory */
	STREAM_UNSUPPORTED     /* works, but cannot be carried; `note` says why */
};

struct cookie; /* cookie.h */

/* One slot. Lies in the arena. */
struct stream {
	_Alignas(16) char file[STREAM_FILE_MAX]; /* where libc's FILE goes */
	FILE *_Atomic handle;                    /* file; elsewhere where the stream is not supported */
	_Atomic uint32_t kind;                   /* enum stream_kind; 0: free */
	int32_t fd;                              /* STREAM_DESCRIPTOR */
	char mode[4];                            /* for fdopen: r, w, a, with or without + */
	int32_t buffering;                       /* of the last setvbuf: _IOFBF + 1 ...; 0: never called */
	void *buffer;                            /* of the last setvbuf: the program's, borrowed by libc */
	uint64_t buffer_size;
	struct cookie *
		cookie; /* STREAM_COOKIE; in the arena's heap. STREAM_DESCRIPTOR: malloc's, where fd leads to another host */
	const char *note;      /* STREAM_UNSUPPORTED; a constant */
	unsigned char *unread; /* between stream_save() and stream_continue(): what was taken out; malloc's */
	uint64_t unread_size;
	uint32_t taken;  /* unread input was taken out and must be put back */
	uint32_t flags;  /* then: STREAM_EOF, STREAM_ERROR */
	int32_t locking; /* then: of __fsetlocking(), while nobody locks it; 0: not then */
	struct stream_owner owner;
};
_Static_assert(sizeof(struct stream) <= STREAM_SLOT_SIZE, "a slot holds a stream");

#define STREAM_EOF 1u
#define STREAM_ERROR 2u

/* Finds out how libc allocates, replaces stdin, stdout and stderr. Errors: PMIG_ENOMEM, PMIG_ENOSUPPORT (this libc's
 * FILE is too big). */
PMIG_MUST_CHECK int stream_start(void);

/* slot.c: a free slot (kind 0, zeroed but for `file`), NULL with EMFILE when all are taken; the slot of `f` or NULL
 * if it is none of ours; every slot in use (index from 0; NULL: no more). */
struct stream *stream_slot_take(void);
void stream_slot_give(struct stream *s);
struct stream *stream_find(const FILE *f);
struct stream *stream_next(const struct stream *after);
unsigned stream_slot_index(const struct stream *s);
struct stream *stream_slot_at(unsigned index);

/* slot.c: libc's fdopen and fopencookie into slot `s`, whose fields fd and mode, or cookie and mode, are set. NULL
 * and errno on failure; then the slot is still taken. */
FILE *stream_place_descriptor(struct stream *s);
FILE *stream_place_cookie(struct stream *s);
PMIG_MUST_CHECK int stream_calibrate(void);

/* unread.c: takes out what was read ahead (s->unread, s->flags), leaving the position of the descriptor alone; puts
 * it back. */
PMIG_MUST_CHECK int stream_take_unread(struct stream *s);
PMIG_MUST_CHECK int stream_put_unread(struct stream *s);

/* Flushes all output, takes out unread input, writes all into `w`. stream_continue() must follow in this process,
 * also after an error. Errors: PMIG_EREFUSED (a stream that cannot be carried), PMIG_EIO (flushing), PMIG_ENOMEM. */
PMIG_MUST_CHECK int stream_save(struct record_writer *w);
void stream_continue(void);

/* Makes the streams of `r` anew; descriptors are there already. Errors: PMIG_ECORRUPT, PMIG_EIO, PMIG_ENOMEM. */
PMIG_MUST_CHECK int stream_restore(struct record_reader *r);

#endif
