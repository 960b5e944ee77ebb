/* Memory with a descriptor goes along: content, position, seals, several descriptions of one; named memory is never overwritten. */
#include "restore_case.h"

#include <sys/mman.h>

#define NAME "/pmig-unit-test-memory"

struct fds {
	int a, b;
};

static struct fds *keep(int a, int b)
{
	struct fds *f = pmig_calloc(1, sizeof *f);
	CHECK(f != NULL && a >= 0 && b >= 0);
	*f = (struct fds){a, b};
	return f;
}

static void *nameless(void)
{
	char path[64];
	int fd = memfd_create("one two", MFD_ALLOW_SEALING);
	CHECK(write(fd, "hello", 5) == 5 && lseek(fd, 2, SEEK_SET) == 2 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return keep(fd, open(path, O_RDONLY | O_CLOEXEC));
}

static void nameless_after(void *state)
{
	const struct fds *f = state;
	char text[8] = "", link[64], path[64];
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", f->a);
	CHECK(read(f->a, text, 7) == 3 && strcmp(text, "llo") == 0);
	CHECK(fcntl(f->a, F_GET_SEALS) == F_SEAL_SHRINK && ftruncate(f->a, 1) < 0);
	CHECK(fcntl(f->b, F_GETFD) == FD_CLOEXEC && (fcntl(f->b, F_GETFL) & O_ACCMODE) == O_RDONLY);
	CHECK(pwrite(f->a, "H", 1, 0) == 1 && pread(f->b, text, 1, 0) == 1 && text[0] == 'H'); /* still one memory */
	ssize_t n = readlink(path, link, sizeof link - 1);
	CHECK(n > 0 && strncmp(link, "/memfd:one two", 14) == 0);
}

static void *named(void)
{
	(void)shm_unlink(NAME);
	int fd = shm_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0640);
	CHECK(write(fd, "value", 5) == 5);
	return keep(fd, 0);
}

static void named_after(void *state)
{
	const struct fds *f = state;
	char text[8] = "";
	CHECK(pread(f->a, text, 7, 0) == 5 && strcmp(text, "value") == 0);
	int fd = shm_open(NAME, O_RDONLY, 0);
	CHECK(fd >= 0 && pwrite(f->a, "V", 1, 0) == 1 && pread(fd, text, 1, 0) == 1 && text[0] == 'V');
	CHECK(shm_unlink(NAME) == 0);
}

static void removed(void)
{
	(void)shm_unlink(NAME);
}

static void changed(void)
{
	int fd = shm_open(NAME, O_RDWR, 0);
	CHECK(pwrite(fd, "X", 1, 0) == 1 && close(fd) == 0);
}

static const struct restore_case cases[] = {
	{.name = "nameless", .before = nameless, .after = nameless_after},
	{.name = "named", .before = named, .after = named_after, .between = removed},
	{.name = "named, found again", .before = named, .after = named_after, .hand_over = true},
	{.name = "named, of another",
		.before = named,
		.refused = "other shared memory has that name here",
		.between = changed},
	{.name = NULL},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	int failed = restore_all(cases);
	(void)shm_unlink(NAME);
	return failed;
}
