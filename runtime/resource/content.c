/* content: the functions by which kinds write and read. */
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void content_finish(struct pmig_writer *w)
{
	for (size_t i = 0; i < w->n; i++)
		munmap(w->contents[i].iov_base, w->contents[i].iov_len);
	free(w->contents);
	record_finish(&w->record);
	*w = (struct pmig_writer){0};
}

void pmig_write_number(struct pmig_writer *w, uint64_t number)
{
	record_put_u64(&w->record, number);
}

void pmig_write_text(struct pmig_writer *w, const char *text)
{
	record_put_text(&w->record, text);
}

/* A descriptor that is open for writing only cannot be mapped; another one is made by its name in /proc. Closing that
 * lets the process's own locks on the file go (fcntl(2)): a kind that carries locks takes them again. */
static void *map(int fd, uint64_t size)
{
	char name[64];
	void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p != MAP_FAILED || errno != EACCES)
		return p;
	(void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	int again = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (again < 0)
		return MAP_FAILED;
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, again, 0);
	int number = errno;
	close(again);
	errno = number;
	return p;
}

int pmig_write_content(struct pmig_writer *w, int fd, uint64_t size)
{
	record_put_u64(&w->record, w->size);
	record_put_u64(&w->record, size);
	w->last = NULL;
	if (size == 0)
		return 0;
	if (size > CONTENT_MAX)
		return error_set(PMIG_EREFUSED, "it has %llu bytes, more than fit into an image", (unsigned long long)size);
	if ((w->n & (w->n - 1)) == 0) {
		struct iovec *more = realloc(w->contents, (w->n == 0 ? 1 : 2 * w->n) * sizeof *more);
		if (more == NULL)
			return error_set(PMIG_ENOMEM, "no memory for contents");
		w->contents = more;
	}
	void *p = map(fd, size);
	if (p == MAP_FAILED)
		return error_errno(PMIG_EREFUSED, errno, "its content cannot be read");
	w->contents[w->n++] = (struct iovec){p, size};
	w->size += size;
	w->last = p;
	return 0;
}

const void *pmig_written_content(const struct pmig_writer *w)
{
	return w->last;
}

uint64_t pmig_read_number(struct pmig_reader *in)
{
	return record_get_u64(&in->record);
}

const char *pmig_read_text(struct pmig_reader *in)
{
	return record_get_text(&in->record);
}

const void *pmig_read_content(struct pmig_reader *in, uint64_t *ret_size)
{
	uint64_t offset = record_get_within(&in->record, 0, in->size);
	*ret_size = record_get_within(&in->record, 0, in->size - offset);
	return in->contents + offset;
}

int pmig_read_check(struct pmig_reader *in)
{
	return record_reader_check(&in->record);
}
