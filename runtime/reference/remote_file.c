/* remote_file: everything but the bytes: beginning and end, attributes, locks, directories. */
#include "remote_file_parts.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define SETTLED \
	20000000      /* ns after a change from which on another one gets another stamp: two ticks of the slowest kernel */
#define SLOW 1        /* ms */
#define LOCK_WAIT 250 /* ms that the server waits for a lock before signals are looked at here */

int64_t remote_file_now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool settled(const struct protocol_stat *s)
{
	int64_t ago;
	return !__builtin_sub_overflow(s->now, s->changed, &ago) && ago > SETTLED;
}

static bool same(const struct protocol_stat *a, const struct protocol_stat *b)
{
	return a->size == b->size && a->modified == b->modified && a->changed == b->changed;
}

void remote_file_compare(struct remote_file *f, const struct protocol_stat *now)
{
	if (!same(&f->st, now) || !settled(&f->st))
		remote_cache_forget_from(&f->cache, 0);
	f->st = *now;
	f->end = now->size;
	f->asked = remote_file_now();
}

int remote_file_call(struct remote_file *f, struct protocol_request *q, const void *data, unsigned stats,
	struct protocol_answer *r)
{
	unsigned char payload[2 * PROTOCOL_STAT];
	struct protocol_answer mine;
	r = r != NULL ? r : &mine;
	q->handle = f->handle;
	if (remote_link_call(f->link, q, data, r, payload, sizeof payload) < 0)
		return -1;
	if (r->size != stats * PROTOCOL_STAT) {
		errno = EIO;
		return -1;
	}
	if (stats == 0)
		return 0;
	struct protocol_stat last = protocol_get_stat(payload + (stats - 1) * PROTOCOL_STAT);
	if (stats == 2) { /* what we changed ourselves is no news, if only we did */
		struct protocol_stat before = protocol_get_stat(payload);
		remote_file_compare(f, &before);
		f->st = last;
		f->end = last.size;
	} else {
		remote_file_compare(f, &last);
	}
	return 0;
}

int remote_file_tell(struct remote_file *f)
{
	if (f->error == 0)
		return 0;
	remote_link_drain(f->link); /* what was sent after it has mostly failed too, and is not to be told of again */
	errno = f->error;
	f->error = 0;
	return -1;
}

static struct remote_file *make(struct remote_link *l, const struct protocol_answer *r, const unsigned char *payload)
{
	struct remote_file *f = calloc(1, sizeof *f);
	if (f == NULL)
		return NULL;
	*f = (struct remote_file){.link = l, .flags = (int)r->b & ~O_CLOEXEC, .st = protocol_get_stat(payload)};
	f->end = f->st.size;
	f->asked = remote_file_now();
	return f;
}

int remote_file_connect(int socket, const char *name, struct remote_file **ret)
{
	GUARD(GUARD_REMOTE);
	struct remote_link *l = NULL;
	unsigned char payload[PROTOCOL_STAT];
	struct protocol_answer a = {0};
	struct protocol_request q = {.operation = PROTOCOL_HELLO, .a = PROTOCOL_MAGIC, .b = PROTOCOL_VERSION};
	int r = remote_link_create(socket, name, &l);
	if (r < 0) {
		close(socket);
		return r;
	}
	int64_t before = remote_file_now();
	if (remote_link_call(l, &q, NULL, &a, payload, sizeof payload) < 0)
		r = errno == EPROTONOSUPPORT
			? error_set(PMIG_EVERSION, "what serves it there is of another version of pmig")
			: error_errno(remote_link_lost(l) ? PMIG_EGONE : PMIG_EPROTOCOL, errno, "what serves it there");
	else if (a.size != PROTOCOL_STAT || a.a != PROTOCOL_VERSION)
		r = error_set(PMIG_EPROTOCOL, "what serves it there does not speak as it should");
	struct remote_file *f = r < 0 ? NULL : make(l, &a, payload);
	if (f == NULL) {
		remote_link_drop(l);
		return r < 0 ? r : error_set(PMIG_ENOMEM, "no memory for a file");
	}
	remote_link_up(l);
	f->slow = remote_file_now() - before >= SLOW;
	*ret = f;
	return 0;
}

static uint32_t open_bits(int flags)
{
	static const int each[] = {0, 0, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_SYNC};
	int access = flags & O_ACCMODE;
	uint32_t bits = access == O_RDONLY ? PROTOCOL_OPEN_READ
		: access == O_WRONLY       ? PROTOCOL_OPEN_WRITE
					   : PROTOCOL_OPEN_READ | PROTOCOL_OPEN_WRITE;
	for (size_t i = 2; i < sizeof each / sizeof *each; i++)
		bits |= (flags & each[i]) == each[i] ? 1u << i : 0;
	return bits;
}

struct remote_file *remote_file_open(struct remote_file *f, const char *name, int flags, mode_t mode)
{
	GUARD(GUARD_REMOTE);
	unsigned char payload[PROTOCOL_STAT];
	struct protocol_answer r;
	struct protocol_request q = {.operation = PROTOCOL_OPEN,
		.handle = f->handle,
		.size = (uint32_t)strlen(name),
		.c = open_bits(flags),
		.d = mode};
	if (q.size > PROTOCOL_NAME_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	if (remote_link_call(f->link, &q, name, &r, payload, sizeof payload) < 0)
		return NULL;
	struct remote_file *g = r.size == PROTOCOL_STAT && r.a > 0 && r.a < PROTOCOL_HANDLES ? make(f->link, &r, payload)
											     : NULL;
	if (g == NULL) {
		errno = EIO;
		return NULL;
	}
	(void)remote_link_share(f->link);
	g->handle = (uint16_t)r.a;
	g->slow = f->slow;
	return g;
}

static struct timespec time_of(int64_t ns)
{
	int64_t seconds = ns / 1000000000, rest = ns % 1000000000;
	return rest < 0 ? (struct timespec){seconds - 1, rest + 1000000000} : (struct timespec){seconds, rest};
}

static void to_stat(const struct protocol_stat *s, struct stat *ret)
{
	*ret = (struct stat){.st_dev = s->device,
		.st_ino = s->inode,
		.st_mode = s->mode,
		.st_nlink = s->links,
		.st_uid = s->user,
		.st_gid = s->group,
		.st_rdev = s->special,
		.st_size = (off_t)s->size,
		.st_blksize = REMOTE_CACHE_PAGE,
		.st_blocks = (blkcnt_t)s->blocks,
		.st_atim = time_of(s->accessed),
		.st_mtim = time_of(s->modified),
		.st_ctim = time_of(s->changed)};
}

int remote_file_look(struct remote_file *f, const char *name, bool follow, struct stat *ret)
{
	GUARD(GUARD_REMOTE);
	unsigned char payload[PROTOCOL_STAT];
	struct protocol_answer r;
	struct protocol_request q = {
		.operation = PROTOCOL_LOOK, .handle = f->handle, .size = (uint32_t)strlen(name), .c = !follow};
	if (q.size > PROTOCOL_NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (remote_link_call(f->link, &q, name, &r, payload, sizeof payload) < 0)
		return -1;
	if (r.size != sizeof payload) {
		errno = EIO;
		return -1;
	}
	struct protocol_stat s = protocol_get_stat(payload);
	to_stat(&s, ret);
	return 0;
}

int remote_file_remove(struct remote_file *f, const char *suffix, bool durable)
{
	GUARD(GUARD_REMOTE);
	struct protocol_request q = {.operation = PROTOCOL_REMOVE, .size = (uint32_t)strlen(suffix), .c = durable};
	return remote_file_call(f, &q, suffix, 0, NULL);
}

int remote_file_close(struct remote_file *f)
{
	GUARD(GUARD_REMOTE);
	remote_link_drain(f->link);
	struct protocol_request q = {.operation = PROTOCOL_CLOSE};
	int r = remote_file_tell(f), number = errno;
	if (f->handle != 0 && !remote_link_lost(f->link))
		(void)remote_file_call(f, &q, NULL, 0, NULL);
	remote_cache_free(&f->cache);
	remote_link_drop(f->link);
	free(f);
	errno = number;
	return r;
}

int remote_file_check(struct remote_file *f)
{
	GUARD(GUARD_REMOTE);
	return remote_file_call(f, &(struct protocol_request){.operation = PROTOCOL_STAT_FILE}, NULL, 1, NULL);
}

int remote_file_stat(struct remote_file *f, struct stat *ret)
{
	if (remote_file_check(f) < 0)
		return -1;
	to_stat(&f->st, ret);
	return 0;
}

int64_t remote_file_size(struct remote_file *f)
{
	return remote_file_check(f) < 0 ? -1 : (int64_t)f->st.size;
}

int remote_file_truncate(struct remote_file *f, off_t size)
{
	GUARD(GUARD_REMOTE);
	if (size < 0) {
		errno = EINVAL;
		return -1;
	}
	struct protocol_request q = {.operation = PROTOCOL_TRUNCATE, .a = (uint64_t)size};
	if (remote_file_call(f, &q, NULL, 2, NULL) < 0)
		return -1;
	remote_cache_forget_from(&f->cache, (uint64_t)size / REMOTE_CACHE_PAGE);
	return 0;
}

int remote_file_allocate(struct remote_file *f, int mode, off_t offset, off_t size)
{
	GUARD(GUARD_REMOTE);
	if (offset < 0 || size <= 0 || (mode & ~255) != 0) {
		errno = EINVAL;
		return -1;
	}
	struct protocol_request q = {
		.operation = PROTOCOL_ALLOCATE, .a = (uint64_t)offset, .b = (uint64_t)size, .c = (uint32_t)mode};
	int r = remote_file_call(f, &q, NULL, 2, NULL);
	remote_cache_forget_from(&f->cache, 0); /* holes and zeros may lie anywhere, and the last page may have grown */
	return r;
}

int remote_file_flush(struct remote_file *f)
{
	GUARD(GUARD_REMOTE);
	remote_link_drain(f->link);
	return remote_file_tell(f);
}

int remote_file_sync(struct remote_file *f, bool data_only)
{
	GUARD(GUARD_REMOTE);
	struct protocol_request q = {.operation = PROTOCOL_SYNC, .c = data_only};
	int r = remote_file_call(f, &q, NULL, 0, NULL), number = errno;
	if (remote_file_tell(f) < 0) /* that came first */
		return -1;
	errno = number;
	return r;
}

bool remote_file_settles(struct remote_file *f, int64_t ms)
{
	GUARD(GUARD_REMOTE);
	return remote_link_drain_for(f->link, ms);
}

int remote_file_settle(struct remote_file *f)
{
	GUARD(GUARD_REMOTE);
	remote_link_drain(f->link);
	remote_cache_free(&f->cache);
	if (f->position == POSITION_APPENDED)
		f->position = (off_t)f->appended;
	f->window = 0;
	f->misses = 0;
	f->sweep = 0;
	if (!remote_link_lost(f->link))
		return 0;
	errno = EIO;
	return -1;
}

int remote_file_mode(struct remote_file *f, mode_t mode)
{
	GUARD(GUARD_REMOTE);
	return remote_file_call(f, &(struct protocol_request){.operation = PROTOCOL_MODE, .c = mode & 07777}, NULL, 1, NULL);
}

int remote_file_owner(struct remote_file *f, uid_t user, gid_t group)
{
	GUARD(GUARD_REMOTE);
	return remote_file_call(f, &(struct protocol_request){.operation = PROTOCOL_OWNER, .c = user, .d = group}, NULL, 1,
		NULL);
}

int remote_file_times(struct remote_file *f, const struct timespec times[2])
{
	GUARD(GUARD_REMOTE);
	unsigned char data[32];
	struct timespec t;
	for (size_t i = 0; i < 2; i++) {
		t = times != NULL ? times[i] : (struct timespec){.tv_nsec = UTIME_NOW};
		protocol_put(data + 16 * i, (uint64_t)t.tv_sec, 8);
		protocol_put(data + 16 * i + 8, (uint64_t)t.tv_nsec, 8);
	}
	struct protocol_request q = {.operation = PROTOCOL_TIMES, .size = sizeof data};
	return remote_file_call(f, &q, data, 1, NULL);
}

/* The server waits a while at a time, so that signals come in between. */
static int take_lock(struct remote_file *f, struct protocol_request q, bool wait)
{
	for (;;) {
		GUARD(GUARD_REMOTE);
		q.d = wait ? LOCK_WAIT : 0;
		if (remote_file_call(f, &q, NULL, 1, NULL) == 0)
			return 0;
		if (errno != EAGAIN || !wait)
			return -1;
		if (remote_link_interrupted(&guard_held.before)) {
			errno = EINTR;
			return -1;
		}
	}
}

int remote_file_lock(struct remote_file *f, int type, off_t start, off_t length, bool wait)
{
	uint32_t mode = type == F_RDLCK ? PROTOCOL_SHARED
		: type == F_WRLCK       ? PROTOCOL_EXCLUSIVE
		: type == F_UNLCK       ? PROTOCOL_UNLOCK
					: 0;
	if (mode == 0 || start < 0 || length < 0) {
		errno = EINVAL;
		return -1;
	}
	struct protocol_request q = {.operation = PROTOCOL_LOCK, .a = (uint64_t)start, .b = (uint64_t)length, .c = mode};
	return take_lock(f, q, wait);
}

int remote_file_flock(struct remote_file *f, int operation)
{
	int what = operation & ~LOCK_NB;
	uint32_t mode = what == LOCK_SH ? PROTOCOL_SHARED
		: what == LOCK_EX       ? PROTOCOL_EXCLUSIVE
		: what == LOCK_UN       ? PROTOCOL_UNLOCK
					: 0;
	if (mode == 0) {
		errno = EINVAL;
		return -1;
	}
	return take_lock(f, (struct protocol_request){.operation = PROTOCOL_FLOCK, .c = mode}, (operation & LOCK_NB) == 0);
}

int remote_file_lock_test(struct remote_file *f, struct flock *lock)
{
	GUARD(GUARD_REMOTE);
	unsigned char data[8];
	struct protocol_answer r;
	struct protocol_request q = {.operation = PROTOCOL_LOCK_TEST,
		.handle = f->handle,
		.a = (uint64_t)lock->l_start,
		.b = (uint64_t)lock->l_len,
		.c = lock->l_type == F_RDLCK ? PROTOCOL_SHARED : PROTOCOL_EXCLUSIVE};
	if (lock->l_whence != SEEK_SET || lock->l_start < 0 || lock->l_len < 0) {
		errno = EINVAL;
		return -1;
	}
	if (remote_link_call(f->link, &q, NULL, &r, data, sizeof data) < 0)
		return -1;
	if (r.size != sizeof data) {
		errno = EIO;
		return -1;
	}
	uint64_t mode = protocol_get(data, 4);
	lock->l_type = mode == PROTOCOL_SHARED ? F_RDLCK : mode == PROTOCOL_EXCLUSIVE ? F_WRLCK : F_UNLCK;
	if (lock->l_type != F_UNLCK) {
		lock->l_start = (off_t)r.a;
		lock->l_len = (off_t)r.b;
		lock->l_pid = -1; /* it is none of this host: fcntl(2) has the same for who has no number here */
	}
	return 0;
}

/* One entry out of an answer; how many bytes it had, 0: it is none. */
static size_t entry(const unsigned char *from, size_t size, char *to, size_t room, size_t *ret_used)
{
	size_t length = size >= 20 ? (size_t)protocol_get(from + 18, 2) : 0;
	size_t whole = (offsetof(struct dirent64, d_name) + length + 1 + 7) & ~(size_t)7;
	if (length == 0 || length > 255 || 20 + length > size || whole > room)
		return 0;
	struct dirent64 *d = (struct dirent64 *)to;
	memset(d, 0, whole);
	d->d_ino = protocol_get(from, 8);
	d->d_off = (off64_t)protocol_get(from + 8, 8);
	d->d_type = from[16];
	d->d_reclen = (unsigned short)whole;
	memcpy(d->d_name, from + 20, length);
	*ret_used += whole;
	return 20 + length;
}

ssize_t remote_file_entries(struct remote_file *f, void *to, size_t size)
{
	GUARD(GUARD_REMOTE);
	unsigned char data[32768];
	struct protocol_answer r;
	struct protocol_request q = {.operation = PROTOCOL_LIST,
		.handle = f->handle,
		.a = (uint64_t)f->position,
		.b = size < sizeof data ? size : sizeof data};
	if (remote_link_call(f->link, &q, NULL, &r, data, sizeof data) < 0)
		return -1;
	size_t used = 0;
	for (size_t at = 0, n; at < r.size; at += n) {
		n = entry(data + at, r.size - at, (char *)to + used, size - used, &used);
		if (n == 0) {
			errno = EIO;
			return -1;
		}
	}
	f->position = (off_t)r.a;
	return (ssize_t)used;
}

int remote_file_flags(const struct remote_file *f)
{
	return f->flags;
}

int remote_file_set_flags(struct remote_file *f, int flags)
{
	GUARD(GUARD_REMOTE);
	static const int settable = O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT | O_ASYNC;
	int now = (f->flags & ~settable) | (flags & settable);
	struct protocol_request q = {.operation = PROTOCOL_FLAGS, .c = (uint32_t)now};
	if (remote_file_call(f, &q, NULL, 0, NULL) < 0)
		return -1;
	f->flags = now;
	return 0;
}

void remote_file_resume(struct remote_file *f, int flags, off_t position)
{
	f->flags = flags & ~O_CLOEXEC;
	f->position = position >= 0 ? position : 0;
}

off_t remote_file_position(const struct remote_file *f)
{
	return f->position == POSITION_APPENDED ? (off_t)f->appended : f->position;
}

void remote_file_known(const struct remote_file *f, struct stat *ret)
{
	to_stat(&f->st, ret);
}

void remote_file_forget(struct remote_file *f)
{
	remote_link_forget(f->link);
}

int remote_file_socket(const struct remote_file *f)
{
	return remote_link_socket(f->link);
}
