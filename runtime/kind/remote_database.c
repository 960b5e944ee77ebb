/* remote_database: the methods of the layer. */
#include "remote_database.h"

#include "../reference/remote_file.h"
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PENDING_BYTE 0x40000000 /* os.h: these four are part of the file format */
#define RESERVED_BYTE (PENDING_BYTE + 1)
#define SHARED_FIRST (PENDING_BYTE + 2)
#define SHARED_SIZE 510
#define PATH_MOST 4096
#define SECTOR 4096

/* A database at another host, and the socket to it. */
struct served {
	struct served *next;
	struct remote_file *file;
	unsigned users; /* databases and journals that are open */
	char path[];
};

/* What SQLite calls a file: the database or its journal. */
struct remote {
	sqlite3_file base; /* first: SQLite knows only that */
	struct remote_file *file;
	struct served *served;
	int level; /* SQLITE_LOCK_NONE ... */
};

/* A remote_file is used by one thread at a time, connections of SQLite may be used by many. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct served *all;

static void leave(int *unused)
{
	(void)unused;
	(void)pthread_mutex_unlock(&mutex);
}

#define ONE_AT_A_TIME() \
	__attribute__((cleanup(leave))) int guard = pthread_mutex_lock(&mutex); \
	(void)guard

static sqlite3_vfs *local(void)
{
	return sqlite3_vfs_find(NULL);
}

/* To which database `name` belongs; *ret_suffix: what stands behind its path. */
static struct served *find(const char *name, const char **ret_suffix)
{
	for (struct served *s = all; name != NULL && s != NULL; s = s->next) {
		size_t n = strlen(s->path);
		if (strncmp(name, s->path, n) == 0 && (name[n] == 0 || name[n] == '-')) {
			*ret_suffix = name + n;
			return s;
		}
	}
	return NULL;
}

static void unuse(struct served *s)
{
	if (--s->users > 0)
		return;
	struct served **p = &all;
	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	(void)remote_file_close(s->file);
	free(s);
}

static int file_close(sqlite3_file *file)
{
	struct remote *f = (struct remote *)file;
	ONE_AT_A_TIME();
	int r = remote_file_close(f->file);
	unuse(f->served);
	return r < 0 ? SQLITE_IOERR_CLOSE : SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 offset)
{
	struct remote *f = (struct remote *)file;
	int at = 0;
	ONE_AT_A_TIME();
	while (at < size) {
		ssize_t n = remote_file_pread(f->file, (char *)to + at, (size_t)(size - at), offset + at);
		if (n < 0)
			return SQLITE_IOERR_READ;
		if (n == 0) { /* SQLite relies on the zeros */
			memset((char *)to + at, 0, (size_t)(size - at));
			return SQLITE_IOERR_SHORT_READ;
		}
		at += (int)n;
	}
	return SQLITE_OK;
}

static int file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 offset)
{
	struct remote *f = (struct remote *)file;
	ONE_AT_A_TIME();
	for (int at = 0; at < size;) {
		ssize_t n = remote_file_pwrite(f->file, (const char *)from + at, (size_t)(size - at), offset + at);
		if (n <= 0)
			return n < 0 && errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
		at += (int)n;
	}
	return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	ONE_AT_A_TIME();
	return remote_file_truncate(((struct remote *)file)->file, size) < 0 ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
	ONE_AT_A_TIME();
	int r = remote_file_sync(((struct remote *)file)->file, (flags & SQLITE_SYNC_DATAONLY) != 0);
	return r == 0 ? SQLITE_OK : errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	ONE_AT_A_TIME();
	int64_t n = remote_file_size(((struct remote *)file)->file);
	if (n < 0)
		return SQLITE_IOERR_FSTAT;
	*ret = n;
	return SQLITE_OK;
}

/* --- locks, as os_unix.c has them --- */

static int range(struct remote *f, int type, off_t start, off_t length, int failure)
{
	if (remote_file_lock(f->file, type, start, length, false) == 0)
		return SQLITE_OK;
	return errno == EAGAIN || errno == EACCES ? SQLITE_BUSY : failure;
}

static int lock_shared(struct remote *f)
{
	int r = range(f, F_RDLCK, PENDING_BYTE, 1, SQLITE_IOERR_LOCK); /* nobody waits for its readers to end */
	if (r != SQLITE_OK)
		return r;
	r = range(f, F_RDLCK, SHARED_FIRST, SHARED_SIZE, SQLITE_IOERR_LOCK);
	int after = range(f, F_UNLCK, PENDING_BYTE, 1, SQLITE_IOERR_UNLOCK);
	if (r != SQLITE_OK || after != SQLITE_OK)
		return r != SQLITE_OK ? r : after;
	/* Two transactions of somebody else within one tick of the clock there leave the same times on the file: what was read before
	 * the lock is not compared but forgotten. SQLite keeps its own pages, by the counter in the file. */
	return remote_file_settle(f->file) < 0 ? SQLITE_IOERR_LOCK : SQLITE_OK;
}

static int lock_exclusive(struct remote *f)
{
	if (f->level < SQLITE_LOCK_PENDING) {
		int r = range(f, F_WRLCK, PENDING_BYTE, 1, SQLITE_IOERR_LOCK);
		if (r != SQLITE_OK)
			return r;
		f->level = SQLITE_LOCK_PENDING; /* stays, so that no new reader comes */
	}
	return range(f, F_WRLCK, SHARED_FIRST, SHARED_SIZE, SQLITE_IOERR_LOCK);
}

static int file_lock(sqlite3_file *file, int level)
{
	struct remote *f = (struct remote *)file;
	if (level <= f->level)
		return SQLITE_OK;
	ONE_AT_A_TIME();
	int r = level == SQLITE_LOCK_SHARED     ? lock_shared(f)
		: level == SQLITE_LOCK_RESERVED ? range(f, F_WRLCK, RESERVED_BYTE, 1, SQLITE_IOERR_LOCK)
						: lock_exclusive(f);
	if (r == SQLITE_OK)
		f->level = level;
	return r;
}

static int file_unlock(sqlite3_file *file, int level)
{
	struct remote *f = (struct remote *)file;
	int r = SQLITE_OK;
	if (level >= f->level)
		return SQLITE_OK;
	ONE_AT_A_TIME();
	if (f->level >= SQLITE_LOCK_RESERVED && remote_file_flush(f->file) < 0) /* before somebody else reads it */
		r = SQLITE_IOERR_WRITE;
	int one = SQLITE_OK;
	if (level == SQLITE_LOCK_NONE)
		one = range(f, F_UNLCK, PENDING_BYTE, SHARED_FIRST + SHARED_SIZE - PENDING_BYTE, SQLITE_IOERR_UNLOCK);
	else if (f->level > SQLITE_LOCK_SHARED)
		one = f->level == SQLITE_LOCK_EXCLUSIVE ? range(f, F_RDLCK, SHARED_FIRST, SHARED_SIZE, SQLITE_IOERR_RDLOCK)
							: SQLITE_OK;
	if (level == SQLITE_LOCK_SHARED && one == SQLITE_OK)
		one = range(f, F_UNLCK, PENDING_BYTE, 2, SQLITE_IOERR_UNLOCK);
	f->level = level;
	return r != SQLITE_OK ? r : one;
}

static int file_reserved(sqlite3_file *file, int *ret)
{
	struct remote *f = (struct remote *)file;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = RESERVED_BYTE, .l_len = 1};
	*ret = f->level > SQLITE_LOCK_SHARED;
	if (*ret)
		return SQLITE_OK;
	ONE_AT_A_TIME();
	if (remote_file_lock_test(f->file, &lock) < 0)
		return SQLITE_IOERR_CHECKRESERVEDLOCK;
	*ret = lock.l_type != F_UNLCK;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int operation, void *argument)
{
	(void)file, (void)operation, (void)argument;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
	(void)file;
	return SECTOR;
}

static int file_characteristics(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* what SQLite takes for granted of files on Unix */
}

static const sqlite3_io_methods methods = {
	.iVersion = 1, /* no shared memory, no mapping */
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_characteristics,
};

/* --- the layer --- */

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct remote *f = (struct remote *)file;
	const char *suffix = "";
	(void)vfs;
	f->base.pMethods = NULL;
	if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) == 0)
		return local()->xOpen(local(), name, file, flags, ret_flags);
	ONE_AT_A_TIME();
	struct served *s = find(name, &suffix);
	if (s == NULL || (flags & SQLITE_OPEN_WAL) != 0)
		return SQLITE_CANTOPEN;
	int how = (flags & SQLITE_OPEN_READONLY) != 0 ? O_RDONLY : O_RDWR;
	if (suffix[0] != 0)
		how |= ((flags & SQLITE_OPEN_CREATE) != 0 ? O_CREAT : 0) |
			((flags & SQLITE_OPEN_EXCLUSIVE) != 0 ? O_EXCL : 0);
	struct remote_file *opened = remote_file_open(s->file, suffix, how, 0644);
	if (opened == NULL)
		return SQLITE_CANTOPEN;
	s->users++;
	*f = (struct remote){.base.pMethods = &methods, .file = opened, .served = s};
	if (ret_flags != NULL)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int durable)
{
	const char *suffix = "";
	(void)vfs;
	ONE_AT_A_TIME();
	struct served *s = find(name, &suffix);
	if (s == NULL)
		return local()->xDelete(local(), name, durable);
	if (suffix[0] == 0)
		return SQLITE_IOERR_DELETE;
	if (remote_file_remove(s->file, suffix, durable != 0) < 0)
		return errno == ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
	return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	const char *suffix = "";
	struct stat st;
	(void)vfs;
	ONE_AT_A_TIME();
	struct served *s = find(name, &suffix);
	if (s == NULL)
		return local()->xAccess(local(), name, flags, ret);
	int r = remote_file_look(s->file, suffix, true, &st);
	if (r < 0 && errno != ENOENT)
		return SQLITE_IOERR_ACCESS;
	*ret = r == 0 && (flags != SQLITE_ACCESS_EXISTS || st.st_size > 0); /* an empty journal is none, as in os_unix.c */
	return SQLITE_OK;
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
	const char *suffix = "";
	size_t n = strlen(name);
	(void)vfs;
	ONE_AT_A_TIME();
	if (find(name, &suffix) == NULL)
		return local()->xFullPathname(local(), name, size, ret);
	if (n >= (size_t)size)
		return SQLITE_CANTOPEN;
	memcpy(ret, name, n + 1);
	return SQLITE_OK;
}

static sqlite3_vfs layer;

/* All but files is what it is for any database: the methods of the ordinary layer, which get their own vfs to see. */
static int vfs_randomness(sqlite3_vfs *vfs, int size, char *ret)
{
	(void)vfs;
	return local()->xRandomness(local(), size, ret);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	return local()->xSleep(local(), microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *ret)
{
	(void)vfs;
	return local()->xCurrentTime(local(), ret);
}

static int vfs_error(sqlite3_vfs *vfs, int size, char *ret)
{
	(void)vfs;
	return local()->xGetLastError(local(), size, ret);
}

static void *vfs_library(sqlite3_vfs *vfs, const char *name)
{
	(void)vfs;
	return local()->xDlOpen(local(), name);
}

static void vfs_library_error(sqlite3_vfs *vfs, int size, char *ret)
{
	(void)vfs;
	local()->xDlError(local(), size, ret);
}

static void (*vfs_library_symbol(sqlite3_vfs *vfs, void *library, const char *name))(void)
{
	(void)vfs;
	return local()->xDlSym(local(), library, name);
}

static void vfs_library_close(sqlite3_vfs *vfs, void *library)
{
	(void)vfs;
	local()->xDlClose(local(), library);
}

static int install(void)
{
	if (layer.zName != NULL)
		return 0;
	if (local() == NULL)
		return error_set(PMIG_EREFUSED, "SQLite has no ordinary file system layer here");
	int size = local()->szOsFile;
	layer = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = size > (int)sizeof(struct remote) ? size : (int)sizeof(struct remote),
		.mxPathname = PATH_MOST,
		.zName = REMOTE_DATABASE,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_path,
		.xDlOpen = vfs_library,
		.xDlError = vfs_library_error,
		.xDlSym = vfs_library_symbol,
		.xDlClose = vfs_library_close,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_error,
	};
	return sqlite3_vfs_register(&layer, 0) == SQLITE_OK ? 0 : error_set(PMIG_ENOMEM, "SQLite takes no further layer");
}

int remote_database_serve(const char *path, int socket)
{
	const char *suffix = "";
	int r = install();
	ONE_AT_A_TIME();
	struct served *s = find(path, &suffix);
	if (r < 0 || (s != NULL && suffix[0] == 0)) {
		close(socket);
		return r;
	}
	size_t n = strlen(path) + 1;
	s = calloc(1, sizeof *s + n);
	if (s == NULL) {
		close(socket);
		return error_set(PMIG_ENOMEM, "no memory for a database");
	}
	r = remote_file_connect(socket, path, &s->file); /* which takes it, whatever comes of it */
	if (r < 0) {
		free(s);
		return r;
	}
	memcpy(s->path, path, n);
	s->next = all;
	all = s;
	return 0;
}

bool remote_database_socket(const char *path, int fd)
{
	const char *suffix = "";
	ONE_AT_A_TIME();
	struct served *s = find(path, &suffix);
	return s != NULL && suffix[0] == 0 && remote_file_socket(s->file) == fd;
}
