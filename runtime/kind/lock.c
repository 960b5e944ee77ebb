/* lock: reads the lines "lock:" of /proc/self/fdinfo, proc(5), and takes the same locks again. */
#include "lock.h"

#include "../resource/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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
