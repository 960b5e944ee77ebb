/* scan: scandir() and its kind. They call back, so that a safe point may lie inside. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int pmig_scandir(const char *path, struct dirent ***ret, int (*filter)(const struct dirent *),
	int (*compare)(const struct dirent **, const struct dirent **));
int pmig_scandirat(int at, const char *path, struct dirent ***ret, int (*filter)(const struct dirent *),
	int (*compare)(const struct dirent **, const struct dirent **));

typedef int (*compare_function)(const struct dirent **, const struct dirent **);

static int compare_with(const void *a, const void *b, void *context)
{
	return (*(compare_function *)context)((const struct dirent **)a, (const struct dirent **)b);
}

static struct dirent **add(struct dirent **list, size_t *room, size_t n, const struct dirent *e)
{
	struct dirent *copy = malloc(e->d_reclen);
	if (copy == NULL)
		return NULL;
	memcpy(copy, e, e->d_reclen);
	if (n == *room) {
		size_t more = *room == 0 ? 16 : 2 * *room;
		struct dirent **bigger = reallocarray(list, more, sizeof *bigger);
		if (bigger == NULL) {
			free(copy);
			return NULL;
		}
		list = bigger;
		*room = more;
	}
	list[n] = copy;
	return list;
}

static int scan(DIR *d, struct dirent ***ret, int (*filter)(const struct dirent *), compare_function compare)
{
	struct dirent **list = NULL, *e;
	size_t n = 0, room = 0;
	int before = errno;
	while ((errno = 0, e = readdir(d)) != NULL) {
		if (filter != NULL && filter(e) == 0)
			continue;
		struct dirent **longer = add(list, &room, n, e);
		if (longer == NULL)
			break;
		list = longer;
		n++;
	}
	if (errno != 0) {
		int number = errno;
		while (n > 0)
			free(list[--n]);
		free(list);
		errno = number;
		return -1;
	}
	errno = before;
	if (n > 1 && compare != NULL)
		qsort_r(list, n, sizeof *list, compare_with, &compare);
	*ret = list != NULL ? list : malloc(sizeof *list);
	return (int)n;
}

int pmig_scandirat(int at, const char *path, struct dirent ***ret, int (*filter)(const struct dirent *),
	int (*compare)(const struct dirent **, const struct dirent **))
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	int n = scan(d, ret, filter, compare), number = errno;
	(void)closedir(d);
	errno = number;
	return n;
}

int pmig_scandir(const char *path, struct dirent ***ret, int (*filter)(const struct dirent *),
	int (*compare)(const struct dirent **, const struct dirent **))
{
	return pmig_scandirat(AT_FDCWD, path, ret, filter, compare);
}
