/* open_file_share: who else has a file: descriptors, mappings and locks of other processes. */
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
#define SEEN_MAX 256 /* files that a process is counted once for; beyond, twice does no harm */

/* The files that somebody is looked for, and which of them the process under way has been counted for. */
struct search {
	struct open_file *files;
	size_t count;
	bool seen[SEEN_MAX];
};

static void found(struct search *s, size_t i, const char *pid, const char *has)
{
	struct open_file *f = &s->files[i];
	if (i < SEEN_MAX && s->seen[i])
		return;
	if (i < SEEN_MAX)
		s->seen[i] = true;
	if (f->sharers++ > 0)
		return;
	char path[64], name[32] = "?";
	(void)snprintf(path, sizeof path, "/proc/%.16s/comm", pid);
	FILE *comm = fopen(path, "re");
	if (comm != NULL) {
		if (fgets(name, sizeof name, comm) != NULL)
			name[strcspn(name, "\n")] = '\0';
		(void)fclose(comm);
	}
	(void)snprintf(f->shared_by, sizeof f->shared_by, "process %.16s (%s)%s", pid, name, has);
}

static void share_descriptors(struct search *s, const char *pid)
{
	char path[64], link[LINK_BYTES];
	(void)snprintf(path, sizeof path, "/proc/%.16s", pid);
	int process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds = process >= 0 ? openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *d = fds >= 0 ? fdopendir(fds) : NULL;
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		ssize_t n = readlinkat(fds, e->d_name, link, sizeof link - 1);
		link[n > 0 ? n : 0] = '\0';
		for (size_t i = 0; n > 0 && i < s->count; i++) {
			struct open_file *f = &s->files[i];
			struct stat st;
			if (!f->look || f->fd == -1 || strcmp(f->link, link) != 0 || fstatat(fds, e->d_name, &st, 0) < 0 ||
				st.st_dev != f->st.st_dev || st.st_ino != f->st.st_ino ||
				(f->writing && (open_file_flags(process, e->d_name, NULL) & O_ACCMODE) == O_RDONLY))
				continue;
			found(s, i, pid, "");
		}
	}
	if (d != NULL)
		(void)closedir(d);
	else if (fds >= 0)
		(void)close(fds);
	if (process >= 0)
		(void)close(process);
}

/* Memory that is shared is the file itself; whoever has only read it there still sees what is written. */
static void share_maps(struct search *s, const char *pid)
{
	char path[64], line[LINK_BYTES + 128], modes[5], *link;
	(void)snprintf(path, sizeof path, "/proc/%.16s/maps", pid);
	FILE *maps = fopen(path, "re");
	struct open_file f;
	while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
		if (!open_file_parse_map(line, &f, modes, &link) || modes[3] != 's')
			continue;
		for (size_t i = 0; i < s->count; i++)
			if (s->files[i].look && f.st.st_ino == s->files[i].st.st_ino &&
				!(s->files[i].writing && modes[1] != 'w') && strcmp(link, s->files[i].link) == 0)
				found(s, i, pid, ", which has mapped it");
	}
	if (maps != NULL)
		(void)fclose(maps);
}

/* proc_locks(5). Locks of open file descriptions belong to no process (-1): who holds one has the file open. Those of processes that we
 * do not see (another user's) are told here only. */
static void share_locks(struct search *s, pid_t pid)
{
	char line[256], text[16], kind[16];
	int owner;
	unsigned major_number, minor_number;
	unsigned long inode;
	FILE *locks = fopen("/proc/locks", "re");
	while (locks != NULL && fgets(line, sizeof line, locks) != NULL) {
		if (sscanf(line, "%*d: %15s %*s %*s %d %x:%x:%lu", kind, &owner, &major_number, &minor_number, &inode) < 5 ||
			owner <= 0 || owner == pid || owner == getpid())
			continue;
		(void)snprintf(text, sizeof text, "%d", owner);
		memset(s->seen, 0, sizeof s->seen);
		for (size_t i = 0; i < s->count; i++) {
			struct open_file *f = &s->files[i];
			if (f->look && f->sharers == 0 && f->st.st_ino == inode && major(f->st.st_dev) == major_number &&
				minor(f->st.st_dev) == minor_number)
				found(s, i, text, ", which has a lock on it");
		}
	}
	if (locks != NULL)
		(void)fclose(locks);
}

void open_file_share(pid_t pid, struct open_file *files, size_t count)
{
	bool descriptors = false, any = false;
	for (size_t i = 0; i < count; i++) {
		descriptors |= files[i].look && files[i].fd != -1;
		any |= files[i].look;
	}
	struct search s = {.files = files, .count = count};
	DIR *d = any ? opendir("/proc") : NULL;
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		int other = e->d_name[0] < '1' || e->d_name[0] > '9' ? 0 : atoi(e->d_name);
		if (other <= 0 || other == pid || other == getpid())
			continue;
		memset(s.seen, 0, sizeof s.seen);
		if (descriptors)
			share_descriptors(&s, e->d_name);
		share_maps(&s, e->d_name);
	}
	if (d != NULL)
		(void)closedir(d);
	if (any)
		share_locks(&s, pid);
}
