/* arrive: what was there when the target was asked, and is gone or taken by the time of the restore, is named, and nothing runs. */
#include "restore_case.h"

#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>

static const char *in_place(const char *name)
{
	static char path[PATH_MAX + 80];
	(void)snprintf(path, sizeof path, "%s/%s", restore_place, name);
	return path;
}

static void *in_directory(void)
{
	CHECK(mkdir(in_place("directory"), 0700) == 0 && chdir(in_place("directory")) == 0);
	return NULL;
}

static void *opened_directory(void)
{
	CHECK(mkdir(in_place("directory"), 0700) == 0);
	CHECK(open(in_place("directory"), O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0);
	return NULL;
}

static void directory_is_gone(void)
{
	assert_int_equal(rmdir(in_place("directory")), 0);
}

static void *locked(void)
{
	int fd = open(in_place("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, "text", 4) == 4 && flock(fd, LOCK_EX) == 0);
	CHECK(pmig_declare_fd(fd,
		      &(struct pmig_declaration){.binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_UNATTACHED}) == 0);
	return NULL;
}

/* Somebody else, until this test ends. */
static void lock_is_taken(void)
{
	int ready[2];
	char c;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	if (fork() == 0) {
		int fd = open(in_place("file"), O_RDWR | O_CLOEXEC);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (flock(fd, LOCK_EX) == 0 && write(ready[1], "", 1) == 1)
			(void)poll(NULL, 0, -1);
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
}

static const struct restore_case cases[] = {
	{.name = "a working directory that is gone",
		.before = in_directory,
		.between = directory_is_gone,
		.refused = "/directory cannot be entered here; create it, or name another one"},
	{.name = "a directory that is gone",
		.before = opened_directory,
		.between = directory_is_gone,
		.refused = "the directory is needed here and cannot be opened; create it, or close it before the safe point"},
	{.name = "a lock that somebody else has",
		.before = locked,
		.between = lock_is_taken,
		.refused = "a lock that it held cannot be had here"},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
