/* spool: a ring in memory; when that is full, a file; when all of the file is acknowledged, the ring again. */
#include "spool.h"
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY (1u << 20)
#define FILE_SIZE_MAX (1ull << 30)

struct spool {
	uint64_t begin; /* first byte kept */
	uint64_t split; /* bytes before are in the ring, from here on in the file */
	uint64_t end;
	uint64_t file_base; /* offset of the file's first byte */
	uint8_t *ring;      /* byte `offset` is at offset % memory */
	size_t memory;
	int directory, fd; /* fd: -1 while there is no file */
	char *name;
	uint64_t file_max;
};

int spool_create(const struct spool_options *o, struct spool **ret_spool)
{
	struct spool *s = calloc(1, sizeof *s);
	if (s == NULL)
		return error_set(PMIG_ENOMEM, "spool: not enough memory");
	s->begin = s->split = s->end = o->start;
	s->memory = o->memory != 0 ? o->memory : MEMORY;
	s->directory = o->directory;
	s->fd = -1;
	s->file_max = o->file_max != 0 ? o->file_max : FILE_SIZE_MAX;
	s->ring = malloc(s->memory);
	if (o->name != NULL)
		s->name = strdup(o->name);
	if (s->ring == NULL || (o->name != NULL && s->name == NULL)) {
		spool_destroy(s);
		return error_set(PMIG_ENOMEM, "spool: not enough memory");
	}
	*ret_spool = s;
	return 0;
}

static void drop_file(struct spool *s)
{
	if (s->fd < 0)
		return;
	(void)unlinkat(s->directory, s->name, 0);
	close(s->fd);
	s->fd = -1;
}

void spool_destroy(struct spool *s)
{
	if (s == NULL)
		return;
	drop_file(s);
	free(s->ring);
	free(s->name);
	free(s);
}

static bool fits_ring(const struct spool *s, size_t size)
{
	return s->fd < 0 && size <= s->memory - (size_t)(s->end - s->begin);
}

static bool fits_file(const struct spool *s, size_t size)
{
	uint64_t used = s->fd >= 0 ? s->end - s->file_base : 0;
	return s->name != NULL && size <= s->file_max && used <= s->file_max - size;
}

bool spool_room(const struct spool *s, size_t size)
{
	return fits_ring(s, size) || fits_file(s, size);
}

static void copy_in(struct spool *s, const uint8_t *data, size_t size)
{
	size_t at = (size_t)(s->end % s->memory), here = s->memory - at;
	if (here > size)
		here = size;
	memcpy(s->ring + at, data, here);
	memcpy(s->ring, data + here, size - here);
}

static int open_file(struct spool *s)
{
	s->fd = openat(s->directory, s->name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0)
		return error_errno(PMIG_EIO, errno, "%s: cannot make the file for what waits to be sent", s->name);
	s->file_base = s->split = s->end;
	return 0;
}

/* Written behind `end`, which moves only when all is there: a failure leaves nothing half. */
static int append_to_file(struct spool *s, const uint8_t *data, size_t size)
{
	int rc = fault_meet("output:file");
	if (rc >= 0 && s->fd < 0)
		rc = open_file(s);
	for (size_t done = 0; rc >= 0 && done < size;) {
		ssize_t n = pwrite(s->fd, data + done, size - done, (off_t)(s->end - s->file_base + done));
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			rc = error_errno(errno == ENOSPC || errno == EDQUOT ? PMIG_ENOSPC : PMIG_EIO, errno,
				"%s: cannot write", s->name);
	}
	return rc;
}

int spool_append(struct spool *s, const void *data, size_t size)
{
	int rc = 0;
	if (size == 0)
		return 0;
	if (fits_ring(s, size)) {
		copy_in(s, data, size);
		s->split += size;
	} else if (fits_file(s, size)) {
		rc = append_to_file(s, data, size);
	} else {
		return error_set(PMIG_EBUSY, "spool: full: %llu bytes wait to be taken",
			(unsigned long long)(s->end - s->begin));
	}
	if (rc >= 0)
		s->end += size;
	return rc;
}

static size_t copy_out(const struct spool *s, uint64_t offset, uint8_t *buffer, size_t size)
{
	size_t at = (size_t)(offset % s->memory), here = s->memory - at;
	if (size > s->split - offset)
		size = (size_t)(s->split - offset);
	if (size > here)
		size = here;
	memcpy(buffer, s->ring + at, size);
	return size;
}

ssize_t spool_read(const struct spool *s, uint64_t offset, void *buffer, size_t size)
{
	if (offset < s->begin || offset > s->end)
		return error_set(PMIG_EINVAL, "spool: byte %llu is not here (%llu to %llu are)", (unsigned long long)offset,
			(unsigned long long)s->begin, (unsigned long long)s->end);
	size_t done = 0;
	while (done < size && offset + done < s->split)
		done += copy_out(s, offset + done, (uint8_t *)buffer + done, size - done);
	while (done < size && offset + done < s->end) {
		uint64_t at = offset + done, left = s->end - at;
		size_t want = size - done < left ? size - done : (size_t)left;
		ssize_t n = pread(s->fd, (uint8_t *)buffer + done, want, (off_t)(at - s->file_base));
		if (n == 0 || (n < 0 && errno != EINTR))
			return error_errno(PMIG_EIO, n == 0 ? ENODATA : errno, "%s: cannot read", s->name);
		done += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)done;
}

int spool_acknowledge(struct spool *s, uint64_t offset)
{
	if (offset > s->end)
		return error_set(PMIG_EPROTOCOL, "spool: byte %llu was acknowledged, but only %llu were sent",
			(unsigned long long)offset, (unsigned long long)s->end);
	if (offset <= s->begin)
		return 0;
	s->begin = offset;
	if (s->fd >= 0 && offset == s->end) {
		drop_file(s);
		s->split = s->end;
	}
	return 0;
}

uint64_t spool_begin(const struct spool *s)
{
	return s->begin;
}

uint64_t spool_end(const struct spool *s)
{
	return s->end;
}
