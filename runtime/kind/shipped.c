/* shipped: maps, hashes, compares. */
#include "shipped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS 32

static bool equals(struct left_hash h, const char *hash)
{
	char text[DIGITS + 1];
	(void)snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)h.high, (unsigned long long)h.low);
	return strcmp(text, hash) == 0;
}

/* A file that is cut meanwhile would raise SIGBUS: the program stands still, and what others cut is looked at just before. */
static const void *map(int fd, uint64_t size)
{
	struct stat st;
	if (size == 0 || size > SIZE_MAX || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < size)
		return NULL;
	void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

bool shipped_is(int fd, uint64_t size, const char *hash, struct left_hash *ret_hash)
{
	const void *data = map(fd, size);
	if (data == NULL)
		return false;
	struct left_hash h = left_hash(data, size);
	(void)munmap((void *)data, (size_t)size);
	if (!equals(h, hash))
		return false;
	*ret_hash = h;
	return true;
}

int shipped_map(const char *path, uint64_t size, const char *hash, const void **ret_data)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return error_errno(PMIG_EREFUSED, errno, "the content that was to be here (%s)", path);
	bool whole = fstat(fd, &st) == 0 && (uint64_t)st.st_size == size;
	const void *data = whole ? map(fd, size) : NULL;
	close(fd);
	if (data != NULL && equals(left_hash(data, size), hash)) {
		*ret_data = data;
		return 0;
	}
	if (data != NULL)
		(void)munmap((void *)data, (size_t)size);
	return error_set(PMIG_EREFUSED, "%s has not the content any more that it had when the move was planned", path);
}
