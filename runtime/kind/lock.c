/* lock: reads the lines "lock:" of /proc/self/fdinfo, proc(5), and takes the same locks again. */
#include "lock.h"

#include "../resource/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define LOCKS_MAX 256
#define TEXT_SIZE 65536

enum lock_kind { LOCK_WHOLE = 1, LOCK_PROCESS, LOCK_DESCRIPTION };

struct lock {
	enum lock_kind kind;
	bool exclusive;
	uint64_t start, end; /* end: UINT64_MAX is the end of the file, wherever that is */
};

struct lock_set {
	size_t n;
	struct lock locks[];
};

/* "lock:	1: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF" */
static int parse(const char *line, struct lock *ret)
{
	static const char *const kinds[] = {"FLOCK", "POSIX", "OFDLCK"};
	char kind[16], mode[16], access[16], end[32];
	unsigned long long start;
	if (sscanf(line, "lock: %*d: %15s %15s %15s %*d %*s %llu %31s", kind, mode, access, &start, end) != 5)
		return error_set(PMIG_EREFUSED, "this kernel tells of a lock in words that are not known");
	*ret = (struct lock){.exclusive = strcmp(access, "WRITE") == 0, .start = start};
	ret->end = strcmp(end, "EOF") == 0 ? UINT64_MAX : strtoull(end, NULL, 10);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kind, kinds[i]) == 0)
			ret->kind = (enum lock_kind)(i + 1);
	return ret->kind == 0 ? error_set(PMIG_EREFUSED, "it holds a %s, which cannot be carried", kind) : 0;
}

/* All that are held through `fd`; *ret: NULL if none. */
static int held(int fd, struct lock_set **ret)
{
	char *text = malloc(TEXT_SIZE);
	struct lock_set *set = calloc(1, sizeof *set + LOCKS_MAX * sizeof *set->locks);
	int r = text == NULL || set == NULL ? error_set(PMIG_ENOMEM, "no memory for its locks") : 0;
	if (r >= 0)
		descriptor_info(fd, text, TEXT_SIZE);
	for (char *line = text; r >= 0 && line != NULL && (line = strstr(line, "lock:")) != NULL;
		line = strchr(line, '\n')) {
		if (set->n == LOCKS_MAX)
			r = error_set(PMIG_EREFUSED, "it holds more than %d locks", LOCKS_MAX);
		else
			r = parse(line, &set->locks[set->n++]);
	}
	free(text);
	if (r < 0)
		free(set);
	else
		*ret = set;
	return r;
}

static int take(int fd, const struct lock *l)
{
	if (l->kind == LOCK_WHOLE)
		return flock(fd, (l->exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
	struct flock f = {.l_type = l->exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_start = (off_t)l->start};
	f.l_len = l->end == UINT64_MAX ? 0 : (off_t)(l->end - l->start + 1);
	return fcntl(fd, l->kind == LOCK_PROCESS ? F_SETLK : F_OFD_SETLK, &f);
}

int lock_save(int fd, uint64_t size, struct pmig_writer *w)
{
	struct lock_set *set;
	int r = held(fd, &set);
	if (r < 0)
		return r;
	pmig_write_number(w, set->n);
	for (size_t i = 0; i < set->n; i++) {
		pmig_write_number(w, set->locks[i].kind);
		pmig_write_number(w, set->locks[i].exclusive);
		pmig_write_number(w, set->locks[i].start);
		pmig_write_number(w, set->locks[i].end);
	}
	r = pmig_write_content(w, fd, size);
	if (r >= 0)
		r = lock_take(fd, set);
	free(set);
	return r;
}

int lock_read(struct pmig_reader *in, struct lock_set **ret)
{
	uint64_t n = pmig_read_number(in);
	int r = pmig_read_check(in);
	if (r >= 0 && n > LOCKS_MAX)
		r = error_set(PMIG_ECORRUPT, "it holds %llu locks", (unsigned long long)n);
	if (r < 0)
		return r;
	struct lock_set *set = n > 0 ? calloc(1, sizeof *set + n * sizeof *set->locks) : NULL;
	if (n > 0 && set == NULL)
		return error_set(PMIG_ENOMEM, "no memory for its locks");
	for (uint64_t i = 0; i < n; i++) {
		struct lock *l = &set->locks[set->n++];
		l->kind = (enum lock_kind)pmig_read_number(in);
		l->exclusive = pmig_read_number(in) != 0;
		l->start = pmig_read_number(in);
		l->end = pmig_read_number(in);
	}
	r = pmig_read_check(in);
	if (r < 0) {
		free(set);
		return r;
	}
	*ret = set;
	return 0;
}

int lock_take(int fd, const struct lock_set *set)
{
	for (size_t i = 0; set != NULL && i < set->n; i++)
		if (take(fd, &set->locks[i]) < 0)
			return error_errno(PMIG_EREFUSED, errno, "a lock that it held cannot be had here");
	return 0;
}

bool lock_any(int fd)
{
	struct lock_set *set = NULL;
	bool r = held(fd, &set) >= 0 && set->n > 0;
	free(set);
	return r;
}

#define TRIES 50 /* a reader that got in may be gone soon */

static int set_range(int fd, int command, const struct lock *l, short type)
{
	struct flock f = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)l->start};
	f.l_len = l->end == UINT64_MAX ? 0 : (off_t)(l->end - l->start + 1);
	return fcntl(fd, command, &f);
}

/* From one owner to the other, which are the process and the description and exclude each other. Both can have it for reading: so a lock
 * for writing becomes one for reading, the other owner takes that too, the first one leaves, and the other one makes it a lock
 * for writing again. In between somebody else can get a lock for reading, never one for writing: what is protected stays as it
 * is. Then it is tried for a while, and given up in words. Only where the descriptor cannot read, and so cannot have a lock
 * for reading, is there a moment without any; who got in then is noticed in the same way. */
static int change_owner(int fd, const struct lock *l, int from, int to)
{
	bool shares = (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY;
	int r = 0;
	if (shares && l->exclusive)
		r = set_range(fd, from, l, F_RDLCK);
	if (shares && r == 0)
		r = set_range(fd, to, l, F_RDLCK);
	if (r == 0)
		r = set_range(fd, from, l, F_UNLCK);
	for (int i = 0; r == 0 && l->exclusive && (r = set_range(fd, to, l, F_WRLCK)) < 0 && errno == EAGAIN && i < TRIES;
		i++, r = 0)
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	return r;
}

/* What was handed over in this checkpoint. */
static struct handed {
	struct handed *next;
	int fd;
	struct lock lock;
} *handed;

static int hand_over(int fd, const struct lock *l)
{
	struct handed *h = malloc(sizeof *h);
	if (h == NULL)
		return error_set(PMIG_ENOMEM, "no memory for its locks");
	if (change_owner(fd, l, F_SETLK, F_OFD_SETLK) == 0) {
		*h = (struct handed){handed, fd, *l};
		handed = h;
		return 0;
	}
	int number = errno;
	free(h);
	(void)set_range(fd, F_OFD_SETLK, l, F_UNLCK);
	if (set_range(fd, F_SETLK, l, l->exclusive ? F_WRLCK : F_RDLCK) < 0)
		(void)dprintf(STDERR_FILENO, "pmig: descriptor %d: somebody else has got the lock that the program held\n",
			fd);
	return error_errno(PMIG_EREFUSED, number, "its lock cannot stay with the file: somebody else has got in");
}

int lock_hand_over(int fd, bool *ret)
{
	struct lock_set *set = NULL;
	bool any = false;
	int r = held(fd, &set);
	for (size_t i = 0; r >= 0 && i < set->n; i++)
		if (set->locks[i].kind == LOCK_PROCESS) {
			any = true;
			r = hand_over(fd, &set->locks[i]);
		}
	if (set != NULL)
		free(set);
	if (r >= 0)
		*ret = any;
	return r;
}

void lock_take_back(void)
{
	while (handed != NULL) {
		struct handed *h = handed;
		handed = h->next;
		if (change_owner(h->fd, &h->lock, F_OFD_SETLK, F_SETLK) < 0)
			(void)dprintf(STDERR_FILENO,
				"pmig: descriptor %d: somebody else has got the lock that the program held\n", h->fd);
		free(h);
	}
}

int lock_own(int fd)
{
	struct lock_set *set = NULL;
	int r = held(fd, &set);
	for (size_t i = 0; r >= 0 && i < set->n; i++)
		if (set->locks[i].kind == LOCK_DESCRIPTION && change_owner(fd, &set->locks[i], F_OFD_SETLK, F_SETLK) < 0)
			r = error_errno(PMIG_EREFUSED, errno,
				"descriptor %d: somebody else has got the lock that the program held", fd);
	free(set);
	return r;
}
