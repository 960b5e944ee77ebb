/* tree: a walk that sums up. */
#include "tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

static uint64_t walk(int parent, const char *name, unsigned *left, unsigned depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	uint64_t size = 0;
	struct stat st;
	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return 0;
	}
	for (struct dirent *e; *left > 0 && (e = readdir(d)) != NULL;) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		(*left)--;
		if (S_ISREG(st.st_mode))
			size += (uint64_t)st.st_size;
		else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			size += walk(fd, e->d_name, left, depth + 1);
	}
	(void)closedir(d);
	return size;
}

uint64_t tree_size(const char *path)
{
	unsigned left = TREE_ENTRIES_MAX;
	return walk(AT_FDCWD, path, &left, 0);
}
