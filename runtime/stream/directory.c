/* directory: opendir and readdir with all their state in the arena. The entries are read at once when the first is
 * asked for (POSIX leaves open whether later changes are seen before rewinddir), because a position in a directory
 * means nothing on another file system. */
#include "replaced.h"

#include "../arena/malloc.h"
#include "../reference/descriptors.h"
#include "../reference/replaced.h"
#include "../resource/replaced.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 32768

struct directory {
	int fd;
	bool filled;
	size_t at;   /* of the next entry, in bytes */
	size_t size; /* of the entries */
	size_t room;
	char *entries; /* struct dirent as getdents64 gives them */
};

static struct directory *of(DIR *d)
{
	return (struct directory *)d;
}

/* Reads all entries; on failure those read so far stay, and errno is set. */
static int read_all(struct directory *d)
{
	for (;;) {
		if (d->room - d->size < CHUNK) {
			char *more = pmig_realloc(d->entries, d->room + 2 * CHUNK);
			if (more == NULL)
				return -1;
			d->entries = more;
			d->room += 2 * CHUNK;
		}
		ssize_t n = pmig_getdents64(d->fd, d->entries + d->size, d->room - d->size);
		if (n <= 0) {
			d->filled = n == 0;
			return (int)n;
		}
		d->size += (size_t)n;
	}
}

DIR *pmig_fdopendir(int fd)
{
	struct stat st;
	if (descriptors_stat(fd, &st) < 0)
		return NULL;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return NULL;
	}
	struct directory *d = pmig_calloc(1, sizeof *d);
	if (d != NULL)
		d->fd = fd;
	return (DIR *)d;
}

DIR *pmig_opendir(const char *path)
{
	int fd = pmig_file_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK, 0);
	if (fd < 0)
		return NULL;
	DIR *d = pmig_fdopendir(fd);
	if (d == NULL)
		(void)pmig_close(fd);
	return d;
}

int pmig_closedir(DIR *dir)
{
	struct directory *d = of(dir);
	if (d == NULL) {
		errno = EINVAL;
		return -1;
	}
	int r = pmig_close(d->fd);
	pmig_free(d->entries);
	pmig_free(d);
	return r;
}

struct dirent *pmig_readdir(DIR *dir)
{
	struct directory *d = of(dir);
	if (!d->filled && read_all(d) < 0)
		return NULL;
	if (d->at >= d->size)
		return NULL;
	struct dirent *e = (struct dirent *)(d->entries + d->at);
	d->at += e->d_reclen;
	e->d_off = (off_t)d->at; /* what telldir() says there */
	return e;
}

int pmig_readdir_r(DIR *dir, struct dirent *entry, struct dirent **ret_entry)
{
	int before = errno;
	errno = 0;
	struct dirent *e = pmig_readdir(dir);
	int number = errno;
	errno = before;
	if (e != NULL)
		memcpy(entry, e, e->d_reclen < sizeof *entry ? e->d_reclen : sizeof *entry);
	*ret_entry = e != NULL ? entry : NULL;
	return e == NULL ? number : 0;
}

void pmig_rewinddir(DIR *dir)
{
	struct directory *d = of(dir);
	(void)pmig_lseek(d->fd, 0, SEEK_SET);
	d->filled = false;
	d->at = d->size = 0;
}

/* A position is the offset of an entry among those read; one that was never told is the end. */
void pmig_seekdir(DIR *dir, long position)
{
	struct directory *d = of(dir);
	if (!d->filled)
		(void)read_all(d);
	size_t at = 0;
	while (at < d->size && at != (size_t)position)
		at += ((struct dirent *)(d->entries + at))->d_reclen;
	d->at = at;
}

long pmig_telldir(DIR *dir)
{
	return (long)of(dir)->at;
}

int pmig_dirfd(DIR *dir)
{
	return of(dir)->fd;
}
