/* fuzz_remote_file: any bytes as the answers of a host that has a file of the program's: each call ends, with what it says or with an error, and
 * nothing is read that did not come.
 * sources: runtime/base/error.c runtime/guard.c runtime/reference/remote_file.c runtime/reference/remote_file_data.c
 * sources: runtime/reference/remote_link.c runtime/reference/remote_cache.c
 * libraries: pthread
 * The first eight bytes are what the program does. Then answers: a byte of how, an error, a, b, how long; with the fewest faults they have the
 * next id, and what an answer of their kind must have. */
#include "runtime/reference/protocol.h"
#include "runtime/reference/remote_file.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALLS 8
#define ANSWERS_MAX 64
#define ALL_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* That the connection was lost is said on standard error. */
int dprintf(int fd, const char *format, ...)
{
	(void)fd, (void)format;
	return 0;
}

enum { RAW = 1, STAT = 2, STATS = 4, OTHER_ID = 8, HELLO = 16 };

/* One answer of what begins at `data`; how much of that it took. */
static size_t answer(int fd, uint64_t id, const uint8_t *data, size_t size, size_t *sent)
{
	unsigned char bytes[PROTOCOL_ANSWER + 2 * PROTOCOL_STAT + 256] = {0};
	size_t taken = size < 6 ? size : 6, length = size > 5 ? data[5] : 0;
	if (size < 6)
		return size;
	if (length > size - taken)
		length = size - taken;
	size_t payload = (data[0] & STATS) != 0 ? 2 * (size_t)PROTOCOL_STAT : (data[0] & STAT) != 0 ? PROTOCOL_STAT : length;
	memcpy(bytes + PROTOCOL_ANSWER, data + taken, length);
	protocol_put(bytes, payload, 4);
	protocol_put(bytes + 4, data[1], 4);
	protocol_put(bytes + 8, (data[0] & OTHER_ID) != 0 ? data[2] : id, 8);
	protocol_put(bytes + 16, (data[0] & HELLO) != 0 ? PROTOCOL_VERSION : (uint64_t)data[2] << (data[0] >> 5) * 8, 8);
	protocol_put(bytes + 24, (uint64_t)data[3] | (uint64_t)data[4] << 8, 8);
	if ((data[0] & RAW) != 0)
		memcpy(bytes, data + taken, length < PROTOCOL_ANSWER ? length : PROTOCOL_ANSWER);
	*sent += PROTOCOL_ANSWER + payload;
	if (*sent < ALL_MAX && send(fd, bytes, PROTOCOL_ANSWER + payload, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		*sent = ALL_MAX;
	return taken + length;
}

static void call(struct remote_file *f, unsigned what)
{
	char buffer[4096];
	struct stat st;
	struct flock lock = {.l_type = F_WRLCK};
	off_t at = (off_t)(what >> 4) * 1000;
	switch (what & 15) {
	case 0:
	case 1:
		if (remote_file_pread(f, buffer, sizeof buffer, at) > (ssize_t)sizeof buffer)
			abort();
		break;
	case 2:
		(void)remote_file_pwrite(f, buffer, what, at);
		break;
	case 3:
		(void)remote_file_read(f, buffer, sizeof buffer);
		break;
	case 4:
		(void)remote_file_write(f, "abc", 3);
		break;
	case 5:
		(void)remote_file_seek(f, at, what >> 6 == 0 ? SEEK_DATA : (int)(what >> 6) - 1);
		break;
	case 6:
		(void)remote_file_stat(f, &st);
		break;
	case 7:
		(void)remote_file_truncate(f, at);
		break;
	case 8:
		(void)remote_file_lock_test(f, &lock);
		break;
	case 9:
		(void)remote_file_lock(f, F_RDLCK, at, 10, false);
		break;
	case 10:
		if (remote_file_entries(f, buffer, sizeof buffer) > (ssize_t)sizeof buffer)
			abort();
		break;
	case 11: {
		struct remote_file *other = remote_file_open(f, "-journal", O_RDWR | O_CREAT, 0600);
		if (other != NULL)
			(void)remote_file_close(other);
		break;
	}
	case 12:
		(void)remote_file_look(f, "", true, &st);
		break;
	case 13:
		(void)remote_file_check(f);
		break;
	case 14:
		(void)remote_file_allocate(f, 0, at, 100);
		break;
	default:
		(void)remote_file_settle(f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];
	struct remote_file *f;
	if (size < CALLS)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	size_t at = CALLS, sent = 0;
	for (uint64_t id = 1; id <= ANSWERS_MAX && at < size; id++)
		at += answer(ends[1], id, data + at, size - at, &sent);
	(void)shutdown(ends[1], SHUT_WR);
	if (remote_file_connect(ends[0], "fuzz", &f) >= 0) {
		for (size_t i = 0; i < CALLS; i++)
			call(f, data[i]);
		(void)remote_file_close(f);
	}
	(void)close(ends[1]);
	return 0;
}
