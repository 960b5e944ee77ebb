/* calls_path: what a program opens, or asks, by a path or relative to a directory that leads to another host. */
#include "descriptors.h"
#include "path_map.h"
#include "remote_file.h"
#include "replaced.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A descriptor of a file of that directory's host. It has no reference of its own: it is closed before the next move, or refuses it. */
static int open_there(struct remote_file *directory, const char *name, const char *path, int flags, mode_t mode)
{
	int fd = -1;
	struct remote_file *f = remote_file_open(directory, name, flags, mode);
	if (f == NULL)
		return -1;
	if (descriptors_create(f, 0, path, &fd) < 0) {
		errno = EMFILE;
		return -1;
	}
	return fd;
}

/* The directory at another host that `path` lies below, and what follows it; NULL: nothing of ours. */
static struct remote_file *below(int directory, const char *path, const char **ret_rest)
{
	struct remote_file *d = path != NULL ? path_map_find(path, ret_rest) : NULL;
	if (d != NULL || path == NULL || path[0] == '/' || directory == AT_FDCWD)
		return d;
	*ret_rest = path;
	return descriptors_find(directory);
}

int pmig_remote_path(int directory, const char *path)
{
	const char *rest;
	return below(directory, path, &rest) != NULL;
}

int pmig_file_openat(int directory, const char *path, int flags, mode_t mode)
{
	const char *rest;
	if (path == NULL) {
		errno = EFAULT;
		return -1;
	}
	struct remote_file *d = below(directory, path, &rest);
	return d != NULL ? open_there(d, rest, path, flags, mode) : openat(directory, path, flags, mode);
}

int pmig_stat(const char *path, struct stat *ret)
{
	return pmig_fstatat(AT_FDCWD, path, ret, 0);
}

int pmig_lstat(const char *path, struct stat *ret)
{
	return pmig_fstatat(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW);
}

int pmig_xstat(int version, const char *path, struct stat *ret)
{
	(void)version;
	return pmig_stat(path, ret);
}

int pmig_lxstat(int version, const char *path, struct stat *ret)
{
	(void)version;
	return pmig_lstat(path, ret);
}

/* Whose rights count there is known there alone: it is tried. */
int pmig_access(const char *path, int how)
{
	struct stat st;
	const char *rest;
	struct remote_file *d = path_map_find(path, &rest);
	if (d == NULL)
		return access(path, how);
	if (remote_file_look(d, rest, true, &st) < 0)
		return -1;
	if (how == F_OK || (how == X_OK && S_ISDIR(st.st_mode)))
		return 0;
	if ((how & X_OK) != 0 && (st.st_mode & 0111) == 0) {
		errno = EACCES;
		return -1;
	}
	if ((how & (R_OK | W_OK)) == 0 || S_ISDIR(st.st_mode))
		return 0;
	struct remote_file *f = remote_file_open(d, rest,
		(how & W_OK) == 0           ? O_RDONLY
			: (how & R_OK) == 0 ? O_WRONLY
					    : O_RDWR,
		0);
	return f != NULL ? remote_file_close(f) : -1;
}
