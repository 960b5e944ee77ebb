/* wait_stream: reading from streams. libc reads the descriptor of a stream inside its own functions, where nobody can be moved. So
 * these wait before that, and where libc would read more than once they take what there is and wait again.
 *
 * The fields of FILE are part of the binary interface of glibc; its own headers use them (bits/types/struct_FILE.h). */
#ifndef PMIG_CARRIED_WAIT_STREAM_H
#define PMIG_CARRIED_WAIT_STREAM_H

#include "stream/plain.h"
#include "wait.h"

#include <stdbool.h>
#include <stdio.h>

/* Flags of glibc's that no header has; libio/libio.h. */
#define STREAM_UNBUFFERED 0x0002
#define STREAM_NO_READS 0x0004
#define STREAM_IN_BACKUP 0x0100 /* what ungetc() has put back is read first */
#define STREAM_LINE_BUFFERED 0x0200
#define STREAM_PUTTING 0x0800

/* Waits until a read of `f` would not; it may be at its end, or another thread may take what there is. 0, or -1 where a
 * handler of the program broke the wait off: the stream has its error and errno then, as after a read. */
int pmig_stream_wait(FILE *f);

/* Prompts are to be seen before an answer is waited for. */
void pmig_stream_prompt(FILE *f);

/* Can reading `f` wait at all? */
bool pmig_stream_waits(FILE *f);

/* The bytes that are there without asking the kernel. */
WAIT_INLINE size_t stream_buffered(const FILE *f)
{
	return f->_IO_read_ptr < f->_IO_read_end ? (size_t)(f->_IO_read_end - f->_IO_read_ptr) : 0;
}

#endif
