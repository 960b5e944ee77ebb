/* snapshot: an SQLite database as of one moment. */
#include "snapshot.h"

#include "connection.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE (1u << 30)

const char *snapshot_suffix(size_t index)
{
	static const char *const suffixes[] = {"-journal", "-wal", "-shm"};
	return index < sizeof suffixes / sizeof *suffixes ? suffixes[index] : NULL;
}

int snapshot_descriptor(const struct stat *st)
{
	DIR *d = opendir("/proc/self/fd");
	struct stat other;
	int found = -1;
	for (struct dirent *e; d != NULL && found < 0 && (e = readdir(d)) != NULL;) {
		int fd = e->d_name[0] == '.' ? -1 : atoi(e->d_name);
		if (fd >= 0 && fstat(fd, &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino &&
			(fcntl(fd, F_GETFL) & O_PATH) == 0)
			found = fd;
	}
	if (d != NULL)
		closedir(d);
	return found;
}

/* `path` NULL: in memory. */
static int nameless(const char *path)
{
	char directory[4096];
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;
	int fd = -1;
	if (slash != NULL) {
		(void)snprintf(directory, sizeof directory, "%.*s/", (int)(slash - path), path);
		fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC,
			0600); /* the same file system: its blocks may be shared */
	}
	if (fd < 0)
		fd = memfd_create("pmig", MFD_CLOEXEC);
	return fd < 0 ? error_errno(PMIG_ENOSPC, errno, "no place for a snapshot") : fd;
}

static int copy(int from, uint64_t size, int to)
{
	off_t in = 0, out = 0;
	while ((uint64_t)in < size) {
		uint64_t left = size - (uint64_t)in;
		ssize_t n = copy_file_range(from, &in, to, &out, left < PIECE ? (size_t)left : PIECE, 0);
		if (n == 0)
			return error_set(PMIG_EIO, "the database became shorter while it was copied");
		if (n > 0)
			continue;
		if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP)
			return error_errno(errno == ENOSPC ? PMIG_ENOSPC : PMIG_EIO, errno, "its snapshot");
		char buffer[65536];
		n = pread(from, buffer, left < sizeof buffer ? (size_t)left : sizeof buffer, in);
		if (n <= 0 || pwrite(to, buffer, (size_t)n, out) != n)
			return error_errno(errno == ENOSPC ? PMIG_ENOSPC : PMIG_EIO, errno, "its snapshot");
		in += n;
		out += n;
	}
	return 0;
}

/* Somebody else uses the log just now, so that the file alone is not the database. */
static int serialize(sqlite3 *db, const char *path, int *ret_fd)
{
	sqlite3_int64 size = 0, at = 0;
	unsigned char *bytes = sqlite3_serialize != NULL ? sqlite3_serialize(db, "main", &size, 0) : NULL;
	if (bytes == NULL)
		return error_set(PMIG_EREFUSED, "no snapshot can be had: %s", connection_words(db));
	int fd = nameless(path);
	for (ssize_t n; fd >= 0 && at < size; at += n) {
		n = write(fd, bytes + at, (size_t)(size - at));
		if (n <= 0) {
			close(fd);
			fd = error_errno(PMIG_ENOSPC, errno, "its snapshot");
		}
	}
	sqlite3_free(bytes);
	*ret_fd = fd;
	return fd < 0 ? fd : 0;
}

static bool empty_log(const char *path)
{
	char log[4096 + 8];
	struct stat st;
	(void)snprintf(log, sizeof log, "%s-wal", path);
	return stat(log, &st) < 0 || st.st_size == 0;
}

/* Within a read transaction, which keeps others from changing the file; that of a database with a log is complete while the log
 * is empty. */
static int take(sqlite3 *db, const char *path, bool alone, int *ret_fd, bool *ret_own)
{
	struct stat st;
	if (!empty_log(path)) {
		*ret_own = true;
		return serialize(db, path, ret_fd);
	}
	int own = stat(path, &st) < 0 ? -1 : snapshot_descriptor(&st);
	if (own < 0)
		return error_set(PMIG_EREFUSED, "another file lies under its name by now");
	*ret_own = !alone;
	if (alone) {
		*ret_fd = own;
		return 0;
	}
	int fd = nameless(path);
	int r = fd < 0 ? fd : copy(own, (uint64_t)st.st_size, fd);
	if (r < 0 && fd >= 0)
		close(fd);
	*ret_fd = fd;
	return r < 0 ? r : 0;
}

int snapshot_fetch(sqlite3 *db, int *ret_fd)
{
	return serialize(db, NULL, ret_fd);
}

int snapshot_take(sqlite3 *db, const char *path, bool alone, int *ret_fd, bool *ret_own)
{
	(void)sqlite3_exec(db, "PRAGMA main.wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	if (sqlite3_exec(db, "BEGIN; SELECT 1 FROM main.sqlite_master", NULL, NULL, NULL) != SQLITE_OK) {
		int r = error_set(PMIG_EREFUSED, "no snapshot can be had: %s", connection_words(db));
		if (!sqlite3_get_autocommit(db))
			(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		return r;
	}
	int r = take(db, path, alone, ret_fd, ret_own);
	(void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	return r;
}
