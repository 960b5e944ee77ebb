/* pipe: a pipe of which all ends are in this process is part of it, with the bytes that wait in it. Each end is a
 * resource of its own; the first that is made anew makes the pipe, the others open it by its name in /proc. A pipe with an end outside,
 * and a FIFO with a name, stay where they are, and their bytes are relayed. */
#include "../base/error.h"
#include "../reference/referred.h"
#include "../resource/descriptor.h"
#include "../resource/sharing.h"
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* During a restore: which pipe here stands for which one there. */
static struct made {
	uint64_t there; /* inode */
	ino_t here;
} *made;
static size_t made_n;

static int match(const struct pmig_resource *r)
{
	return S_ISFIFO(r->st.st_mode) || referred_as(r, "pipe");
}

/* Whoever knows its name can have the other end. */
static bool outside(const struct pmig_resource *r)
{
	return r->locator[0] == '/' || referred_find(&r->st) != NULL;
}

static int describe(struct pmig_resource *r)
{
	if (!outside(r))
		sharing_describe(r, false);
	if (r->declaration.binding == 0) {
		bool stays = r->shared || outside(r);
		r->declaration.binding = stays ? PMIG_BY_IDENTIFIER : PMIG_BY_VALUE;
		r->declaration.attachment = stays ? PMIG_FIXED : PMIG_UNATTACHED;
	}
	int waiting = 0;
	if (ioctl(r->fd, FIONREAD, &waiting) == 0 && waiting > 0)
		r->size = (uint64_t)waiting;
	return 0;
}

static int open_end(int fd, int flags)
{
	char name[64];
	(void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	return open(name, flags | O_CLOEXEC | O_NONBLOCK);
}

/* A second pipe with the same bytes, and from there into a memory file; the first one keeps them. tee(2) */
static int bytes_of(int fd, uint64_t n, int *ret_file)
{
	int from = open_end(fd, O_RDONLY), copy[2] = {-1, -1}, file = memfd_create("pipe", MFD_CLOEXEC), r = 0;
	char buffer[4096];
	if (from < 0 || file < 0 || pipe2(copy, O_CLOEXEC | O_NONBLOCK) < 0)
		r = error_errno(PMIG_EIO, errno, "no descriptor for its bytes");
	int room = r < 0 ? 0 : fcntl(from, F_GETPIPE_SZ);
	if (r >= 0 && fcntl(copy[1], F_SETPIPE_SZ, room) < 0)
		r = error_errno(PMIG_EIO, errno, "no second pipe of %d bytes", room);
	ssize_t got = r < 0 ? 0 : tee(from, copy[1], n, SPLICE_F_NONBLOCK);
	if (r >= 0 && got != (ssize_t)n)
		r = error_set(PMIG_EIO, "only %zd of its %llu bytes can be copied", got, (unsigned long long)n);
	for (ssize_t k; r >= 0 && (k = read(copy[0], buffer, sizeof buffer)) > 0;)
		if (write(file, buffer, (size_t)k) != k)
			r = error_errno(PMIG_EIO, errno, "its bytes cannot be kept in memory");
	int closing[] = {from, copy[0], copy[1], r < 0 ? file : -1};
	for (size_t i = 0; i < sizeof closing / sizeof *closing; i++)
		if (closing[i] >= 0)
			close(closing[i]);
	if (r >= 0)
		*ret_file = file;
	return r;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	int capacity = fcntl(r->fd, F_GETPIPE_SZ), file = -1;
	if (r->strategy == PMIG_REFER)
		return relay_save(r, w);
	if (outside(r) && r->strategy != PMIG_REBIND)
		return error_set(PMIG_EREFUSED, "only the bytes of a pipe within the process can be copied");
	pmig_write_number(w, r->st.st_ino);
	pmig_write_number(w, capacity > 0 ? (uint64_t)capacity : 0);
	if (r->size == 0)
		return pmig_write_content(w, -1, 0);
	int e = bytes_of(r->fd, r->size, &file);
	if (e < 0)
		return e;
	e = pmig_write_content(w, file, r->size);
	close(file);
	return e;
}

/* An end of the pipe that was made for `there`; -1: none was, yet. */
static int find(uint64_t there)
{
	for (size_t i = 0; i < made_n; i++) {
		if (made[i].there != there)
			continue;
		struct stat st;
		for (int fd = 0, end = (int)sysconf(_SC_OPEN_MAX); fd < end && fd < DESCRIPTOR_MAX; fd++)
			if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_ino == made[i].here)
				return fd;
	}
	return -1;
}

static int make(uint64_t there, uint64_t capacity, const void *bytes, uint64_t n, int access, int *ret_fd)
{
	int ends[2];
	struct stat st;
	struct made *more = realloc(made, (made_n + 1) * sizeof *more);
	if (more == NULL)
		return error_set(PMIG_ENOMEM, "no memory for a pipe");
	made = more;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_errno(PMIG_EIO, errno, "no pipe can be made");
	int r = fstat(ends[0], &st) < 0 ? error_errno(PMIG_EIO, errno, "pipe") : 0;
	if (capacity > 0)
		(void)fcntl(ends[1], F_SETPIPE_SZ, (int)(capacity > 1u << 30 ? 1u << 30 : capacity));
	if (r >= 0 && n > 0 && write(ends[1], bytes, n) != (ssize_t)n)
		r = error_errno(PMIG_EIO, errno, "its %llu bytes do not fit into a pipe here", (unsigned long long)n);
	if (r >= 0)
		made[made_n++] = (struct made){there, st.st_ino};
	int kept = r < 0 ? -1 : open_end(ends[0], access);
	if (r >= 0 && kept < 0)
		r = error_errno(PMIG_EIO, errno, "an end of a pipe cannot be opened");
	close(ends[0]);
	close(ends[1]);
	if (r >= 0)
		*ret_fd = kept;
	return r;
}

static int copy(struct pmig_resource *r, struct pmig_reader *in)
{
	uint64_t there = pmig_read_number(in), capacity = pmig_read_number(in), n;
	const void *bytes = pmig_read_content(in, &n);
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	int other = find(there);
	if (other < 0)
		return make(there, capacity, bytes, n, r->flags & O_ACCMODE, &r->fd);
	r->fd = open_end(other, r->flags & O_ACCMODE);
	return r->fd < 0 ? error_errno(PMIG_EIO, errno, "an end of a pipe cannot be opened") : 0;
}

/* A FIFO, or whatever else takes or gives bytes, that the target has. */
static int rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	(void)in;
	if (r->there == NULL || r->there[0] != '/')
		return error_set(PMIG_EREFUSED, "nothing of its type was found here");
	r->fd = open(r->there, (r->flags & O_ACCMODE) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return r->fd < 0 ? error_errno(PMIG_EREFUSED, errno, "%s", r->there) : 0;
}

const struct pmig_kind kind_pipe = {
	.version = PMIG_KIND_VERSION,
	.name = "pipe",
	.about = "a pipe within the process, with the bytes in it; one with an end outside, and a FIFO: relayed",
	.match = match,
	.describe = describe,
	.save = save,
	.copy = copy,
	.refer = relay_refer,
	.rebind = rebind,
};
