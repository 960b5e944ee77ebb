/* wait_stream: until there is something to be read. */
#include "wait_stream.h"

#include "reference/replaced.h"

#include <poll.h>
#include <stdio_ext.h>
#include <sys/stat.h>
#include <unistd.h>

/* Will libc look into the descriptor at all? */
static bool asks(const FILE *f)
{
	if (stream_buffered(f) > 0 || (f->_flags & (_IO_EOF_SEEN | STREAM_NO_READS)) != 0 || f->_mode > 0)
		return false; /* a wide stream has its characters elsewhere */
	return (f->_flags & STREAM_IN_BACKUP) == 0 || f->_IO_save_base >= f->_IO_save_end;
}

static int descriptor_of(FILE *f)
{
	int fd = pmig_plain_descriptor(f);
	return fd >= 0 && !pmig_remote(fd) ? fd : -1;
}

bool pmig_stream_waits(FILE *f)
{
	struct stat st;
	int fd = f->_mode > 0 ? -1 : descriptor_of(f);
	return fd >= 0 && pmig_fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISBLK(st.st_mode);
}

/* As libc does it when it reads: _IO_new_file_underflow(). A stream without a buffer yet may be a terminal's. */
void pmig_stream_prompt(FILE *f)
{
	int number = errno;
	bool by_lines = (f->_flags & (STREAM_LINE_BUFFERED | STREAM_UNBUFFERED)) != 0 ||
		(f->_IO_buf_base == NULL && isatty(pmig_plain_descriptor(f)));
	if (by_lines && __flbf(stdout))
		(void)fflush(stdout);
	errno = number;
}

static long ready(int fd, const struct timespec *limit)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec t = limit != NULL ? *limit : (struct timespec){0};
	return pmig_block(SYS_ppoll, (long)&p, 1, limit != NULL ? (long)&t : 0, 0, 0, 0);
}

WAIT_CALL int pmig_stream_wait(FILE *f)
{
	static const struct timespec at_once;
	uint32_t handled = block_count(BLOCK_BREAKER);
	bool prompted = false;
	int fd = asks(f) ? descriptor_of(f) : -1;
	while (fd >= 0) {
		long r = wait_again(BLOCK_BREAKER, handled);
		if (r < 0) {
			f->_flags |= _IO_ERR_SEEN;
			errno = (int)-r;
			return -1;
		}
		r = ready(fd, prompted ? NULL : &at_once);
		if (r > 0 || (r < 0 && r != -EINTR && r != BLOCK_STOPPED))
			break;
		if (r == 0 && (pmig_file_fcntl(fd, F_GETFL, NULL) & O_NONBLOCK) != 0)
			break;
		if (r == 0)
			pmig_stream_prompt(f);
		prompted = prompted || r == 0;
	}
	return 0;
}
