/* open_file: reads /proc/PID/fd, fdinfo and maps. Who else has those files is told by open_file_share.c. */
#include "open_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LINK_BYTES (PATH_MAX + 16)

struct list {
	struct open_file *files;
	size_t count, room;
};

void open_file_free(struct open_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(files[i].link);
	free(files);
}

static int add(struct list *l, const struct open_file *file, const char *link)
{
	if (l->count == OPEN_FILE_MAX)
		return error_set(PMIG_EREFUSED, "more than %d files are open", OPEN_FILE_MAX);
	if (l->count == l->room) {
		size_t room = l->room == 0 ? 16 : 2 * l->room;
		struct open_file *more = realloc(l->files, room * sizeof *more);
		if (more == NULL)
			return error_set(PMIG_ENOMEM, "no memory for a list of open files");
		l->files = more;
		l->room = room;
	}
	l->files[l->count] = *file;
	l->files[l->count].link = strdup(link);
	if (l->files[l->count].link == NULL)
		return error_set(PMIG_ENOMEM, "no memory for a list of open files");
	l->count++;
	return 0;
}

static int finish(struct list *l, int r, struct open_file **ret_files, size_t *ret_count)
{
	if (r < 0) {
		open_file_free(l->files, l->count);
		return r;
	}
	*ret_files = l->files;
	*ret_count = l->count;
	return 0;
}

/* --- descriptors --- */

int open_file_flags(int process, const char *fd, uint64_t *ret_position)
{
	char path[64], text[256];
	(void)snprintf(path, sizeof path, "fdinfo/%.16s", fd);
	int from = openat(process, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = from >= 0 ? read(from, text, sizeof text - 1) : -1;
	if (from >= 0)
		(void)close(from);
	text[n > 0 ? n : 0] = '\0';
	const char *at = strstr(text, "pos:");
	if (ret_position != NULL)
		*ret_position = at != NULL ? strtoull(at + 4, NULL, 10) : 0;
	at = strstr(text, "flags:");
	return at != NULL ? (int)strtoul(at + 6, NULL, 8) & ~O_CLOEXEC : O_RDWR;
}

/* Things that have no inode of their own share one: of those none is taken for another. */
static bool is_known(const struct list *l, const struct open_file *f, const char *link)
{
	if (strncmp(link, "anon_inode:", 11) == 0)
		return false;
	for (size_t i = 0; i < l->count; i++) {
		const struct open_file *o = &l->files[i];
		if (o->st.st_dev == f->st.st_dev && o->st.st_ino == f->st.st_ino && o->flags == f->flags &&
			(!S_ISCHR(f->st.st_mode) || o->st.st_rdev == f->st.st_rdev))
			return true;
	}
	return false;
}

static int add_descriptor(struct list *l, int process, int fds, int fd)
{
	char name[16], link[LINK_BYTES];
	struct open_file f = {.fd = fd};
	(void)snprintf(name, sizeof name, "%d", fd);
	ssize_t n = readlinkat(fds, name, link, sizeof link - 1);
	if (n < 0 || fstatat(fds, name, &f.st, 0) < 0)
		return 0; /* closed meanwhile */
	link[n] = '\0';
	f.flags = open_file_flags(process, name, &f.position);
	return is_known(l, &f, link) ? 0 : add(l, &f, link);
}

static int by_number(const void *a, const void *b)
{
	const struct open_file *x = a, *y = b;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

int open_file_list(pid_t pid, struct open_file **ret_files, size_t *ret_count)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
	int process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds = process >= 0 ? openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *d = fds >= 0 ? fdopendir(fds) : NULL;
	struct list l = {0};
	int r = d == NULL ? error_errno(PMIG_EGONE, errno, "%s/fd", path) : 0;
	for (struct dirent *e; r >= 0 && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.')
			r = add_descriptor(&l, process, fds, atoi(e->d_name));
	if (d != NULL)
		(void)closedir(d);
	else if (fds >= 0)
		(void)close(fds);
	if (process >= 0)
		(void)close(process);
	if (r >= 0 && l.count > 0)
		qsort(l.files, l.count, sizeof *l.files, by_number);
	return finish(&l, r, ret_files, ret_count);
}

/* --- mappings --- */

/* A line of /proc/PID/maps; *ret_path points into it. */
bool open_file_parse_map(char *line, struct open_file *ret_file, char ret_modes[5], char **ret_path)
{
	unsigned major_number, minor_number;
	unsigned long inode, start, end;
	int path = 0;
	if (sscanf(line, "%lx-%lx %4s %*x %x:%x %lu %n", &start, &end, ret_modes, &major_number, &minor_number, &inode,
		    &path) < 6 ||
		path == 0)
		return false;
	*ret_path = line + path;
	(*ret_path)[strcspn(*ret_path, "\n")] = '\0';
	*ret_file = (struct open_file){.fd = -1,
		.start = start,
		.end = end,
		.flags = O_RDONLY,
		.st = {.st_dev = makedev(major_number, minor_number), .st_ino = inode}};
	return inode != 0;
}

static FILE *open_maps(const char *pid)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%.16s/maps", pid);
	return fopen(path, "re");
}

int open_file_maps(pid_t pid, bool shared, struct open_file **ret_files, size_t *ret_count)
{
	char text[16], path[64], exe[LINK_BYTES], line[LINK_BYTES + 128], modes[5], *link;
	(void)snprintf(text, sizeof text, "%d", (int)pid);
	(void)snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	ssize_t n = readlink(path, exe, sizeof exe - 1);
	exe[n > 0 ? n : 0] = '\0';
	FILE *maps = open_maps(text);
	if (maps == NULL)
		return error_errno(PMIG_EGONE, errno, "/proc/%d/maps", (int)pid);
	struct list l = {0};
	struct open_file f;
	int r = 0;
	while (r >= 0 && fgets(line, sizeof line, maps) != NULL) {
		bool wanted = open_file_parse_map(line, &f, modes, &link) && strcmp(link, exe) != 0 &&
			(shared ? modes[3] == 's' && modes[1] == 'w' : modes[2] == 'x' && link[0] == '/');
#ifdef PMIG_COVERAGE
		wanted = wanted && strncmp(link, PMIG_COVERAGE, sizeof PMIG_COVERAGE - 1) != 0; /* the counters */
#endif
		if (!wanted || is_known(&l, &f, link))
			continue;
		struct stat st;
		if (link[0] == '/' && stat(link, &st) == 0 && st.st_ino == f.st.st_ino)
			f.st = st; /* a map knows no sizes; device numbers of some file systems differ there (btrfs) */
		r = is_known(&l, &f, link) ? 0 : add(&l, &f, link);
	}
	(void)fclose(maps);
	return finish(&l, r, ret_files, ret_count);
}
