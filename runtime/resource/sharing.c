/* sharing: watches for children, remembers what was inherited. */
#include "sharing.h"

#include "descriptor.h"
#include "replaced.h"

#include "../reference/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define INHERITED_MAX 64

/* Of this process, not of the program: a restored one has no children yet and has inherited nothing. */
static bool had_child;
static struct inherited {
	dev_t device;
	ino_t inode;
} inherited[INHERITED_MAX];
static size_t inherited_n;

static void note_child(void)
{
	had_child = true;
}

int sharing_watch(void)
{
	static bool watching;
	if (!watching && pthread_atfork(note_child, NULL, descriptors_forked) != 0)
		return error_set(PMIG_ENOMEM, "no memory for a fork handler");
	watching = true;
	return 0;
}

int sharing_start(void)
{
	struct stat st;
	for (int fd = 0; fd < 1024 && inherited_n < INHERITED_MAX; fd++)
		if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
			inherited[inherited_n++] = (struct inherited){st.st_dev, st.st_ino};
	had_child |= inherited_n == INHERITED_MAX;
	return sharing_watch();
}

bool sharing_inherited(const struct stat *st)
{
	for (size_t i = 0; i < inherited_n; i++)
		if (inherited[i].device == st->st_dev && inherited[i].inode == st->st_ino)
			return true;
	return false;
}

/* A write lease is granted only if no other open file description of the file exists: fcntl(2), F_SETLEASE. */
static bool open_once(int fd)
{
	bool granted = fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
	if (granted)
		(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return granted;
}

static bool possible(const struct pmig_resource *r)
{
	if (had_child)
		return true;
	if (S_ISREG(r->st.st_mode))
		return !open_once(r->fd);
	return sharing_inherited(&r->st);
}

void sharing_describe(struct pmig_resource *r, bool writing)
{
	if (!r->shared && possible(r))
		r->shared = descriptor_elsewhere(r->locator, &r->st, writing, r->shared_with, sizeof r->shared_with);
}

bool sharing_had_child(void)
{
	return had_child;
}

/* Whether /proc/PID/maps has the file: "start-end rwxp offset major:minor inode path". */
static bool maps(const char *pid, dev_t device, ino_t inode)
{
	char path[300], *line = NULL;
	size_t room = 0;
	bool found = false;
	(void)snprintf(path, sizeof path, "/proc/%s/maps", pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && !found && getline(&line, &room, f) > 0) {
		unsigned long long number;
		unsigned x, y;
		found = sscanf(line, "%*s %*s %*x %x:%x %llu", &x, &y, &number) == 3 && number == inode &&
			makedev(x, y) == device;
	}
	free(line);
	if (f != NULL)
		(void)fclose(f);
	return found;
}

bool sharing_mapped(dev_t device, ino_t inode, char *who, size_t size)
{
	DIR *d = opendir("/proc");
	bool found = false;
	for (struct dirent *e; d != NULL && !found && (e = readdir(d)) != NULL;)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && atoi(e->d_name) != getpid() &&
			(found = maps(e->d_name, device, inode)))
			descriptor_process(e->d_name, who, size);
	if (d != NULL)
		(void)closedir(d);
	return found;
}

/* These start a program without a fork that a handler would notice. */
int pmig_posix_spawn(pid_t *ret_pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	note_child();
	return posix_spawn(ret_pid, path, actions, attributes, argv, envp);
}

int pmig_posix_spawnp(pid_t *ret_pid, const char *file, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	note_child();
	return posix_spawnp(ret_pid, file, actions, attributes, argv, envp);
}

void pmig_note_shared(void)
{
	note_child();
}
