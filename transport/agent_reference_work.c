/* agent_reference_work: what a file's server does for each operation. Each returns 0 or an errno. */
#include "agent_reference_work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Between two tries for a lock that somebody has. */
#define LOCK_PAUSE_FIRST 1 /* ms */
#define LOCK_PAUSE_MOST 16

#define FLAGS_SET (O_APPEND | O_NONBLOCK | O_NOATIME)

/* A file system may tell of times before 1677 and after 2262: the first and the last that there is room for. */
static int64_t ns(struct timespec t)
{
	int64_t r;
	if (__builtin_mul_overflow((int64_t)t.tv_sec, 1000000000, &r) || __builtin_add_overflow(r, t.tv_nsec, &r))
		return t.tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return r;
}

static void describe(const struct stat *st, unsigned char *to)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now); /* with the ticks by which the kernel stamps files */
	protocol_put_stat(to,
		&(struct protocol_stat){
			.device = st->st_dev,
			.inode = st->st_ino,
			.size = (uint64_t)st->st_size,
			.blocks = (uint64_t)st->st_blocks,
			.accessed = ns(st->st_atim),
			.modified = ns(st->st_mtim),
			.changed = ns(st->st_ctim),
			.now = ns(now),
			.links = st->st_nlink,
			.special = st->st_rdev,
			.mode = st->st_mode,
			.user = st->st_uid,
			.group = st->st_gid,
			.block = (uint32_t)st->st_blksize,
		});
}

/* Appends the file as it is now to the answer. */
static int tell_stat(struct agent_reference_work *w)
{
	struct stat st;
	if (fstat(w->fd, &st) < 0)
		return errno;
	describe(&st, w->out + w->r.size);
	w->r.size += PROTOCOL_STAT;
	return 0;
}

static int hello(struct agent_reference_work *w)
{
	if (w->q->a != PROTOCOL_MAGIC)
		return EPROTO;
	w->r.a = PROTOCOL_VERSION;
	w->r.b = (uint64_t)fcntl(w->fd, F_GETFL);
	return w->q->b == PROTOCOL_VERSION ? tell_stat(w) : EPROTONOSUPPORT;
}

static int stat_file(struct agent_reference_work *w)
{
	return tell_stat(w);
}

/* The buffers here are not aligned as O_DIRECT wants them; the program's own flags say what it wants when it is back. Not before there is
 * something to be done: until then the program may go on here, on the same description. */
static void without_direct(int fd)
{
	int now = fcntl(fd, F_GETFL);
	if (now >= 0 && (now & O_DIRECT) != 0)
		(void)fcntl(fd, F_SETFL, now & ~O_DIRECT);
}

static int do_read(struct agent_reference_work *w)
{
	without_direct(w->fd);
	while (w->r.size < w->q->b) {
		ssize_t n = pread(w->fd, w->out + w->r.size, w->q->b - w->r.size, (off_t)(w->q->a + w->r.size));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			break;
		w->r.size += (uint32_t)n;
	}
	return 0;
}

/* RWF_APPEND with offset -1 writes behind the end whatever the flags of the description, and tells where by its
 * position: pwritev2(2). */
static ssize_t append_some(int fd, const void *data, size_t size)
{
	struct iovec part = {(void *)data, size};
	ssize_t n = pwritev2(fd, &part, 1, -1, RWF_APPEND);
	if (n >= 0 || errno != EOPNOTSUPP)
		return n;
	(void)lseek(fd, 0, SEEK_END); /* a file system that cannot: all but O_APPEND itself has a gap here */
	return write(fd, data, size);
}

static int put(struct agent_reference_work *w, bool append)
{
	int e = tell_stat(w);
	without_direct(w->fd);
	while (e == 0 && w->r.a < w->q->size) {
		const unsigned char *from = w->data + w->r.a;
		size_t size = w->q->size - w->r.a;
		ssize_t n = append ? append_some(w->fd, from, size) : pwrite(w->fd, from, size, (off_t)(w->q->a + w->r.a));
		if (n < 0 && errno != EINTR)
			e = errno;
		w->r.a += n > 0 ? (uint64_t)n : 0;
	}
	w->r.b = append ? (uint64_t)lseek(w->fd, 0, SEEK_CUR) : w->q->a + w->r.a;
	return e != 0 ? e : tell_stat(w);
}

static int do_write(struct agent_reference_work *w)
{
	return put(w, false);
}

static int append(struct agent_reference_work *w)
{
	return put(w, true);
}

static int changed(struct agent_reference_work *w, int result)
{
	return result < 0 ? errno : tell_stat(w);
}

static int resize(struct agent_reference_work *w)
{
	int e = tell_stat(w);
	return e != 0 ? e : changed(w, ftruncate(w->fd, (off_t)w->q->a));
}

static int allocate(struct agent_reference_work *w)
{
	int e = tell_stat(w);
	return e != 0 ? e : changed(w, fallocate(w->fd, (int)w->q->c, (off_t)w->q->a, (off_t)w->q->b));
}

/* Tries until `wait` ms are over. Asked again and again rather than waiting in the kernel: a thread that waits there cannot be
 * told that nobody wants the lock any more. */
static int until(struct agent_reference_work *w, int (*take)(struct agent_reference_work *))
{
	unsigned left = w->q->d, pause = LOCK_PAUSE_FIRST;
	for (;;) {
		int e = take(w);
		bool busy = e == EAGAIN || e == EACCES;
		if (!busy || left == 0)
			return e == 0 ? tell_stat(w) : busy ? EAGAIN : e;
		pause = pause < left ? pause : left;
		(void)poll(NULL, 0, (int)pause);
		left -= pause;
		pause = pause < LOCK_PAUSE_MOST ? 2 * pause : pause;
	}
}

static struct flock range(const struct protocol_request *q)
{
	static const short types[] = {F_UNLCK, F_RDLCK, F_WRLCK, F_UNLCK};
	return (struct flock){.l_type = types[q->c], .l_whence = SEEK_SET, .l_start = (off_t)q->a, .l_len = (off_t)q->b};
}

static int take_range(struct agent_reference_work *w)
{
	struct flock f = range(w->q);
	return fcntl(w->fd, F_OFD_SETLK, &f) < 0 ? errno : 0;
}

static int take_whole(struct agent_reference_work *w)
{
	static const int operations[] = {0, LOCK_SH, LOCK_EX, LOCK_UN};
	return flock(w->fd, operations[w->q->c] | LOCK_NB) < 0 ? errno : 0;
}

static int lock(struct agent_reference_work *w)
{
	return until(w, take_range);
}

static int whole(struct agent_reference_work *w)
{
	return until(w, take_whole);
}

static int lock_test(struct agent_reference_work *w)
{
	struct flock f = range(w->q);
	if (fcntl(w->fd, F_OFD_GETLK, &f) < 0)
		return errno;
	w->r.a = (uint64_t)f.l_start;
	w->r.b = (uint64_t)f.l_len;
	protocol_put(w->out,
		f.l_type == F_RDLCK           ? PROTOCOL_SHARED
			: f.l_type == F_WRLCK ? PROTOCOL_EXCLUSIVE
					      : PROTOCOL_UNLOCK,
		4);
	protocol_put(w->out + 4, (uint32_t)f.l_pid, 4);
	w->r.size = 8;
	return 0;
}

static int seek(struct agent_reference_work *w)
{
	off_t at = lseek(w->fd, (off_t)w->q->a, (int)w->q->c);
	w->r.a = (uint64_t)at;
	return at < 0 ? errno : 0;
}

static int flags(struct agent_reference_work *w)
{
	int now = fcntl(w->fd, F_GETFL);
	return fcntl(w->fd, F_SETFL, (now & ~FLAGS_SET) | ((int)w->q->c & FLAGS_SET)) < 0 ? errno : 0;
}

static int mode(struct agent_reference_work *w)
{
	return changed(w, fchmod(w->fd, w->q->c));
}

static int owner(struct agent_reference_work *w)
{
	return changed(w, fchown(w->fd, w->q->c, w->q->d));
}

static int times(struct agent_reference_work *w)
{
	struct timespec t[2];
	for (size_t i = 0; i < 2; i++) {
		t[i].tv_sec = (time_t)protocol_get(w->data + 16 * i, 8);
		t[i].tv_nsec = (long)protocol_get(w->data + 16 * i + 8, 8);
	}
	return changed(w, futimens(w->fd, t));
}

/* Each is shorter than what getdents64() gave it in, so that all of them have room. */
static int entries(struct agent_reference_work *w)
{
	_Alignas(8) char buffer[32768];
	size_t room = w->q->b < sizeof buffer ? w->q->b : sizeof buffer;
	if (lseek(w->fd, (off_t)w->q->a, SEEK_SET) < 0)
		return errno;
	ssize_t n = getdents64(w->fd, buffer, room);
	if (n < 0)
		return errno;
	w->r.a = w->q->a;
	for (ssize_t at = 0; at < n;) {
		const struct dirent64 *d = (const struct dirent64 *)(buffer + at);
		size_t length = strlen(d->d_name);
		unsigned char *to = w->out + w->r.size;
		protocol_put(to, d->d_ino, 8);
		protocol_put(to + 8, (uint64_t)d->d_off, 8);
		protocol_put(to + 16, d->d_type, 2);
		protocol_put(to + 18, length, 2);
		memcpy(to + 20, d->d_name, length);
		w->r.size += (uint32_t)(20 + length);
		w->r.a = (uint64_t)d->d_off;
		at += d->d_reclen;
	}
	return 0;
}

static bool writable(int fd)
{
	return (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

/* The name that a request has as its payload, NUL-terminated; for a file only what could not lead anywhere else. */
static int name_of(const struct agent_reference_work *w, bool suffix, char ret[PROTOCOL_NAME_MAX + 1])
{
	size_t n = w->q->size;
	if (memchr(w->data, 0, n) != NULL || (suffix && memchr(w->data, '/', n) != NULL))
		return EINVAL;
	if (suffix && n > 0 && w->data[0] != '-') /* no ".pub", ".key" or ".old": those are other things */
		return EINVAL;
	memcpy(ret, w->data, n);
	ret[n] = 0;
	return 0;
}

/* *ret: the directory in which the file has its name now, ret_name: that name with the suffix. A name that leads to something else by
 * now, or none, is ENOENT. */
static int beside(int fd, const char *suffix, int *ret, char ret_name[NAME_MAX + 1])
{
	char link[64], path[PATH_MAX];
	struct stat named, st;
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n < 0 || path[0] != '/')
		return ENOENT;
	path[n] = 0;
	char *base = strrchr(path, '/');
	int where = -1;
	if (fstat(fd, &st) == 0 && lstat(path, &named) == 0 && st.st_dev == named.st_dev && st.st_ino == named.st_ino) {
		*base = 0;
		where = open(path[0] != 0 ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (where < 0)
		return ENOENT;
	if (snprintf(ret_name, NAME_MAX + 1, "%s%s", base + 1, suffix) > NAME_MAX) {
		close(where);
		return ENAMETOOLONG;
	}
	*ret = where;
	return 0;
}

static int open_flags(uint32_t c)
{
	static const int each[] = {0, 0, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_SYNC};
	int r = (c & PROTOCOL_OPEN_WRITE) == 0 ? O_RDONLY : (c & PROTOCOL_OPEN_READ) != 0 ? O_RDWR : O_WRONLY;
	for (size_t i = 0; i < sizeof each / sizeof *each; i++)
		r |= (c >> i & 1) != 0 ? each[i] : 0;
	return r | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
}

/* Below a directory nothing leads out of it: openat2(2). */
static int open_below(int directory, const char *name, int flags, mode_t permissions)
{
	struct open_how how = {.flags = (uint64_t)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	if ((flags & O_CREAT) != 0)
		how.mode = permissions & 07777;
	return (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
}

/* A descriptor of what the request names, or -1 and errno. */
static int open_named(const struct agent_reference_work *w, const struct stat *held, int flags, mode_t permissions)
{
	char name[PROTOCOL_NAME_MAX + 1], path[64], base[NAME_MAX + 1];
	bool directory = S_ISDIR(held->st_mode);
	int where = -1, e = name_of(w, !directory, name);
	bool changes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
	if (e == 0 && changes && !directory && !writable(w->fd)) /* what was held for reading is not written from afar */
		e = EACCES;
	if (e == 0 && !directory && name[0] != 0)
		e = beside(w->fd, name, &where, base);
	if (e != 0) {
		errno = e;
		return -1;
	}
	if (directory)
		return open_below(w->fd, name[0] != 0 ? name : ".", flags, permissions);
	if (name[0] == 0) {
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", w->fd);
		return open(path, flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW));
	}
	int fd = openat(where, base, flags | O_NOFOLLOW, permissions & 07777);
	int number = errno;
	close(where);
	errno = number;
	return fd;
}

static int open_file(struct agent_reference_work *w)
{
	struct stat st;
	size_t i = 1;
	while (i < PROTOCOL_HANDLES && w->files->fds[i] >= 0)
		i++;
	if (i == PROTOCOL_HANDLES)
		return EMFILE;
	if (fstat(w->fd, &st) < 0)
		return errno;
	int fd = open_named(w, &st, open_flags(w->q->c), w->q->d);
	if (fd < 0)
		return errno;
	if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		close(fd);
		return EOPNOTSUPP; /* devices and pipes have other ways to be referred to */
	}
	w->files->fds[i] = fd;
	w->files->fresh[i] = (w->q->c & PROTOCOL_OPEN_CREATE) != 0;
	w->r.a = i;
	w->r.b = (uint64_t)(fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	describe(&st, w->out);
	w->r.size = PROTOCOL_STAT;
	return 0;
}

static int look(struct agent_reference_work *w)
{
	struct stat st;
	int flags = O_PATH | O_CLOEXEC | (w->q->c != 0 ? O_NOFOLLOW : 0);
	if (fstat(w->fd, &st) < 0)
		return errno;
	int fd = open_named(w, &st, flags, 0);
	if (fd < 0)
		return errno;
	int e = fstat(fd, &st) < 0 ? errno : 0;
	close(fd);
	describe(&st, w->out);
	w->r.size = PROTOCOL_STAT;
	return e;
}

static int sync_directory(int where)
{
	int directory = openat(where, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int e = directory < 0 || fsync(directory) < 0 ? errno : 0;
	if (directory >= 0)
		close(directory);
	return e;
}

/* A journal whose name is lost with the power is none: what was created here is durable with its name. */
static int sync_file(struct agent_reference_work *w)
{
	char name[NAME_MAX + 1];
	int where = -1, e = (w->q->c != 0 ? fdatasync(w->fd) : fsync(w->fd)) < 0 ? errno : 0;
	if (e != 0 || !w->files->fresh[w->q->handle])
		return e;
	e = beside(w->fd, "", &where, name);
	if (e == ENOENT) /* it has no name any more */
		return 0;
	if (e == 0)
		e = sync_directory(where);
	if (where >= 0)
		close(where);
	w->files->fresh[w->q->handle] = e != 0;
	return e;
}

static int remove_beside(struct agent_reference_work *w)
{
	char name[PROTOCOL_NAME_MAX + 1], base[NAME_MAX + 1];
	int where = -1, e = name_of(w, true, name);
	if (e == 0 && (name[0] == 0 || !writable(w->fd)))
		e = name[0] == 0 ? EINVAL : EACCES;
	if (e == 0)
		e = beside(w->fd, name, &where, base);
	if (e != 0)
		return e;
	e = unlinkat(where, base, 0) < 0 ? errno : 0;
	if (e == 0 && w->q->c != 0)
		e = sync_directory(where);
	close(where);
	return e;
}

static int close_file(struct agent_reference_work *w)
{
	w->files->fds[w->q->handle] = -1;
	return close(w->fd) < 0 ? errno : 0;
}

/* What each operation may come with; where the bounds end the conversation, no client sends more. */
static const struct operation {
	int (*work)(struct agent_reference_work *w);
	uint32_t least, most; /* bytes of payload */
	uint32_t room;        /* of the answer's; READ and LIST: besides what was asked for */
	uint32_t c_least, c_most;
} operations[PROTOCOL_LAST + 1] = {
	[PROTOCOL_HELLO] = {hello, 0, 0, PROTOCOL_STAT, 0, 0},
	[PROTOCOL_STAT_FILE] = {stat_file, 0, 0, PROTOCOL_STAT, 0, 0},
	[PROTOCOL_READ] = {do_read, 0, 0, 0, 0, 0},
	[PROTOCOL_WRITE] = {do_write, 1, PROTOCOL_DATA_MAX, 2 * PROTOCOL_STAT, 0, 0},
	[PROTOCOL_APPEND] = {append, 1, PROTOCOL_DATA_MAX, 2 * PROTOCOL_STAT, 0, 0},
	[PROTOCOL_TRUNCATE] = {resize, 0, 0, 2 * PROTOCOL_STAT, 0, 0},
	[PROTOCOL_ALLOCATE] = {allocate, 0, 0, 2 * PROTOCOL_STAT, 0, 255},
	[PROTOCOL_SYNC] = {sync_file, 0, 0, 0, 0, 1},
	[PROTOCOL_LOCK] = {lock, 0, 0, PROTOCOL_STAT, PROTOCOL_SHARED, PROTOCOL_UNLOCK},
	[PROTOCOL_LOCK_TEST] = {lock_test, 0, 0, 8, PROTOCOL_SHARED, PROTOCOL_EXCLUSIVE},
	[PROTOCOL_FLOCK] = {whole, 0, 0, PROTOCOL_STAT, PROTOCOL_SHARED, PROTOCOL_UNLOCK},
	[PROTOCOL_SEEK] = {seek, 0, 0, 0, SEEK_DATA, SEEK_HOLE},
	[PROTOCOL_FLAGS] = {flags, 0, 0, 0, 0, UINT32_MAX},
	[PROTOCOL_MODE] = {mode, 0, 0, PROTOCOL_STAT, 0, 07777},
	[PROTOCOL_OWNER] = {owner, 0, 0, PROTOCOL_STAT, 0, UINT32_MAX},
	[PROTOCOL_TIMES] = {times, 32, 32, PROTOCOL_STAT, 0, 0},
	[PROTOCOL_LIST] = {entries, 0, 0, 0, 0, 0},
	[PROTOCOL_OPEN] = {open_file, 0, PROTOCOL_NAME_MAX, PROTOCOL_STAT, PROTOCOL_OPEN_READ, PROTOCOL_OPEN_ALL},
	[PROTOCOL_LOOK] = {look, 0, PROTOCOL_NAME_MAX, PROTOCOL_STAT, 0, 1},
	[PROTOCOL_REMOVE] = {remove_beside, 1, PROTOCOL_NAME_MAX, 0, 0, 1},
	[PROTOCOL_CLOSE] = {close_file, 0, 0, 0, 0, 0},
};

static bool asks_for_bytes(const struct protocol_request *q)
{
	return q->operation == PROTOCOL_READ || q->operation == PROTOCOL_LIST;
}

bool agent_reference_work_sound(const struct protocol_request *q)
{
	if (q->operation == 0 || q->operation > PROTOCOL_LAST || q->handle >= PROTOCOL_HANDLES)
		return false;
	const struct operation *o = &operations[q->operation];
	return q->size >= o->least && q->size <= o->most && q->c >= o->c_least && q->c <= o->c_most &&
		(q->operation != PROTOCOL_CLOSE || q->handle != 0) && (!asks_for_bytes(q) || q->b <= PROTOCOL_DATA_MAX) &&
		((q->operation != PROTOCOL_LOCK && q->operation != PROTOCOL_FLOCK) || q->d <= PROTOCOL_WAIT_MAX);
}

size_t agent_reference_work_room(const struct protocol_request *q)
{
	return operations[q->operation].room + (asks_for_bytes(q) ? (size_t)q->b : 0);
}

void agent_reference_work_do(struct agent_reference_work *w)
{
	w->r = (struct protocol_answer){.id = w->q->id};
	w->fd = w->files->fds[w->q->handle];
	/* An offset that a signed number cannot hold would mean something else to the kernel. */
	bool range = w->q->operation != PROTOCOL_LIST; /* there it is a place in a folder: ext4's last one is INT64_MAX */
	bool sound = w->fd >= 0 && w->q->a <= INT64_MAX && (!range || w->q->b <= INT64_MAX - w->q->a);
	int e = w->q->operation == PROTOCOL_HELLO || sound ? operations[w->q->operation].work(w)
		: w->fd < 0                                ? EBADF
							   : EINVAL;
	if (e != 0)
		w->r = (struct protocol_answer){.id = w->q->id, .error = (uint32_t)e};
}

void agent_reference_work_close(struct agent_reference_files *files)
{
	for (size_t i = 1; i < PROTOCOL_HANDLES; i++)
		if (files->fds[i] >= 0)
			close(files->fds[i]);
}
