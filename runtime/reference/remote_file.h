/* remote_file: a file that stayed at its host, used over a connected stream socket (protocol.h). Reading is cached and read ahead, writing
 * is sent at once and its answer awaited later; the file there is the only truth.
 *
 * Normal usage:
 *   1. reference_connect() (reference.h) gives a socket;
 *   2. remote_file_connect() makes the file of it, remote_file_open() others beside or below it;
 *   3. remote_file_read() and so on, which behave as the functions of libc after which they are called: -1 and errno on failure;
 *   4. remote_file_settle() before a checkpoint, remote_file_close() at the end.
 *
 * What the reader may rely on, as with NFS's close-to-open consistency (RFC 7530, 10.3): what another process wrote is seen after
 * remote_file_check(), which the functions for locks call by themselves, and after a new connection; without, at most
 * REMOTE_FILE_FRESH ms late. What was written here is seen there as soon as it arrives; that it arrived well is known after
 * remote_file_flush(), _sync() or _close(): an error of a write is told by the next call of these or by the next write.
 *
 * When the connection is lost everything fails with EIO, and the first failure says so on standard error. Memory is malloc's and never part of
 * an image. One thread at a time; signals are held back while a request is under way. */
#ifndef PMIG_REFERENCE_REMOTE_FILE_H
#define PMIG_REFERENCE_REMOTE_FILE_H

#include "../base/error.h"

#include <fcntl.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define REMOTE_FILE_FRESH 1000           /* ms after which what is cached is compared with the file again */
#define REMOTE_FILE_CACHE (16u << 20)    /* bytes that one file keeps at most */
#define REMOTE_FILE_WRITES (4u << 20)    /* bytes written and not answered yet */
#define REMOTE_FILE_AHEAD_MAX (4u << 20) /* bytes asked for before they are read */

struct remote_file;

/* `socket` is taken, also on failure; `name` is for messages and copied. Waits for the other side. Errors: PMIG_EGONE, PMIG_EVERSION,
 * PMIG_EPROTOCOL, PMIG_ENOMEM. */
PMIG_MUST_CHECK int remote_file_connect(int socket, const char *name, struct remote_file **ret);

/* Another file on the same connection: beside `f` ("-journal"; "": f anew, with locks of its own) or, when f is a directory, below it.
 * flags: O_ACCMODE, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_SYNC. NULL and errno. */
struct remote_file *remote_file_open(struct remote_file *f, const char *name, int flags, mode_t mode);
int remote_file_look(struct remote_file *f, const char *name, bool follow, struct stat *ret); /* fstatat(2) of such a file */
int remote_file_remove(struct remote_file *f, const char *suffix, bool durable);

/* 0, or -1 with the errno of an earlier write. The connection ends with its last file. */
int remote_file_close(struct remote_file *f);

ssize_t remote_file_pread(struct remote_file *f, void *to, size_t size, off_t offset);
ssize_t remote_file_pwrite(struct remote_file *f, const void *from, size_t size, off_t offset);

/* At the position, which all descriptors of the file share, and as its flags say (O_APPEND, O_SYNC). */
ssize_t remote_file_read(struct remote_file *f, void *to, size_t size);
ssize_t remote_file_write(struct remote_file *f, const void *from, size_t size);
off_t remote_file_seek(struct remote_file *f, off_t offset, int whence);

int remote_file_stat(struct remote_file *f, struct stat *ret);
int64_t remote_file_size(struct remote_file *f); /* asked there */
int remote_file_truncate(struct remote_file *f, off_t size);
int remote_file_allocate(struct remote_file *f, int mode, off_t offset, off_t size); /* fallocate(2) */
int remote_file_sync(struct remote_file *f, bool data_only);
int remote_file_flush(struct remote_file *f);                /* all writes are answered */
int remote_file_check(struct remote_file *f);                /* what is cached and not true any more is forgotten */
bool remote_file_settles(struct remote_file *f, int64_t ms); /* within that time no request is under way any more */
int remote_file_settle(struct remote_file *f);               /* no request is under way, nothing is cached */
int remote_file_mode(struct remote_file *f, mode_t mode);
int remote_file_owner(struct remote_file *f, uid_t user, gid_t group);
int remote_file_times(struct remote_file *f, const struct timespec times[2]); /* NULL: now */

/* Byte ranges, as F_OFD_SETLK: they exclude also the F_SETLK locks of other processes there. type: F_RDLCK, F_WRLCK, F_UNLCK; length 0: to the
 * end. `wait`: until it can be had, or EINTR. Without: EAGAIN. _test: *lock as of F_OFD_GETLK. */
int remote_file_lock(struct remote_file *f, int type, off_t start, off_t length, bool wait);
int remote_file_lock_test(struct remote_file *f, struct flock *lock);
int remote_file_flock(struct remote_file *f, int operation); /* flock(2) */

/* A directory's entries as getdents64(2) gives them, at the position. */
ssize_t remote_file_entries(struct remote_file *f, void *to, size_t size);

int remote_file_flags(const struct remote_file *f); /* F_GETFL */
int remote_file_set_flags(struct remote_file *f, int flags);
/* As at the checkpoint: position and flags are the program's. */
void remote_file_resume(struct remote_file *f, int flags, off_t position);
off_t remote_file_position(const struct remote_file *f);               /* settled */
void remote_file_known(const struct remote_file *f, struct stat *ret); /* what was told last */
void remote_file_forget(struct remote_file *f);                        /* in a fork's child */
int remote_file_socket(const struct remote_file *f);                   /* borrowed */

/* From now on every write waits for its answer: the process is about to end. */
void remote_file_hurry(void);

#endif
