/* standard: descriptors 0, 1 and 2 as the launcher gave them, and whatever was duplicated from them: they follow the
 * launcher. A terminal's modes go along; a regular file as standard input goes on at the same place if the restored
 * process is given the same one. */
#include "standard.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#define MEMORY_DEVICES 1 /* the major number of /dev/null and its kind */

struct given {
	uint64_t device, inode;
	uint32_t type; /* S_IFMT of its mode */
	uint32_t there;
};

extern const struct pmig_kind kind_standard;
static int kept[3] = {-1, -1, -1};

int standard_remember(void)
{
	void **root = arena_root(ARENA_ROOT_RESOURCES);
	if (*root == NULL)
		*root = pmig_calloc(3, sizeof(struct given));
	struct given *g = *root;
	if (g == NULL)
		return error_set(PMIG_ENOMEM, "no memory for the standard descriptors");
	for (int i = 0; i < 3; i++) {
		struct stat st;
		int fd = kept[i] >= 0 ? kept[i] : i;
		g[i] = (struct given){0};
		if (fstat(fd, &st) == 0)
			g[i] = (struct given){st.st_dev, st.st_ino, st.st_mode & S_IFMT, 1};
	}
	return 0;
}

static bool is(const struct given *g, const struct stat *st)
{
	return g->there && g->device == st->st_dev && g->inode == st->st_ino && g->type == (st->st_mode & S_IFMT);
}

/* A regular file or /dev/null (with the other devices of memory) the program could have opened itself as well. */
static bool anybody_opens(const struct stat *st)
{
	return S_ISREG(st->st_mode) || (S_ISCHR(st->st_mode) && major(st->st_rdev) == MEMORY_DEVICES);
}

/* Which of the three `st` is; -1: none. Where anybody may have opened it, the number must be the same. */
static int which(int fd, const struct stat *st)
{
	const struct given *g = *arena_root(ARENA_ROOT_RESOURCES);
	if (g == NULL)
		return -1;
	if (fd >= 0 && fd <= 2 && is(&g[fd], st))
		return fd;
	for (int i = 0; i < 3; i++)
		if (!anybody_opens(st) && is(&g[i], st))
			return i;
	return -1;
}

/* Bit i: it is what the launcher gave as i. */
static uint64_t all_of(const struct stat *st)
{
	const struct given *g = *arena_root(ARENA_ROOT_RESOURCES);
	return (uint64_t)is(&g[0], st) | (uint64_t)is(&g[1], st) << 1 | (uint64_t)is(&g[2], st) << 2;
}

int standard_number(const struct pmig_resource *r, int n)
{
	return r->kind == &kind_standard && n <= 2 && ((uintptr_t)r->state >> n & 1) != 0 ? kept[n] : -1;
}

int standard_keep(int above)
{
	for (int i = 0; i < 3; i++) {
		kept[i] = fcntl(i, F_DUPFD_CLOEXEC, above);
		if (kept[i] < 0 && errno != EBADF)
			return error_errno(PMIG_EIO, errno, "descriptor %d cannot be put aside", i);
	}
	return 0;
}

int standard_kept(int i)
{
	return kept[i];
}

void standard_drop(void)
{
	for (int i = 0; i < 3; i++) {
		if (kept[i] >= 0)
			close(kept[i]);
		kept[i] = -1;
	}
}

static int match(const struct pmig_resource *r)
{
	return which(r->fd, &r->st) >= 0;
}

static int describe(struct pmig_resource *r)
{
	r->kept = true; /* the agents carry its bytes */
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_FIXED;
	}
	return 0;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	struct termios modes = {0};
	bool terminal = tcgetattr(r->fd, &modes) == 0;
	pmig_write_number(w, (uint64_t)which(r->fd, &r->st));
	pmig_write_number(w, all_of(&r->st));
	pmig_write_number(w, S_ISREG(r->st.st_mode) ? r->st.st_dev : 0);
	pmig_write_number(w, S_ISREG(r->st.st_mode) ? r->st.st_ino : 0);
	pmig_write_number(w, S_ISREG(r->st.st_mode) ? (uint64_t)lseek(r->fd, 0, SEEK_CUR) : 0);
	pmig_write_number(w, terminal);
	if (terminal) {
		const uint64_t numbers[] = {modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag};
		for (size_t i = 0; i < 4; i++)
			pmig_write_number(w, numbers[i]);
		for (size_t i = 0; i < NCCS; i++)
			pmig_write_number(w, modes.c_cc[i]);
	}
	return 0;
}

static void restore_modes(int fd, struct pmig_reader *in)
{
	struct termios modes;
	bool terminal = tcgetattr(fd, &modes) == 0;
	tcflag_t *const numbers[] = {&modes.c_iflag, &modes.c_oflag, &modes.c_cflag, &modes.c_lflag};
	for (size_t i = 0; i < 4; i++)
		*numbers[i] = (tcflag_t)pmig_read_number(in);
	for (size_t i = 0; i < NCCS; i++)
		modes.c_cc[i] = (cc_t)pmig_read_number(in);
	if (terminal && pmig_read_check(in) >= 0)
		(void)tcsetattr(fd, TCSANOW, &modes);
}

static int follow(struct pmig_resource *r, struct pmig_reader *in)
{
	uint64_t i = pmig_read_number(in), all = pmig_read_number(in), device = pmig_read_number(in),
		 inode = pmig_read_number(in);
	uint64_t offset = pmig_read_number(in);
	struct stat st;
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	if (i > 2)
		return error_set(PMIG_ECORRUPT, "there is no standard descriptor %llu", (unsigned long long)i);
	r->state = (void *)(uintptr_t)(all & 7);
	int from = kept[i];
	r->fd = from >= 0 ? fcntl(from, F_DUPFD_CLOEXEC, 3) : open("/dev/null", O_RDWR | O_CLOEXEC);
	if (r->fd < 0)
		return error_errno(PMIG_EIO, errno, "descriptor %llu", (unsigned long long)i);
	if (inode != 0 && fstat(r->fd, &st) == 0 && st.st_dev == device && st.st_ino == inode &&
		offset <= (uint64_t)st.st_size)
		(void)lseek(r->fd, (off_t)offset, SEEK_SET);
	if (pmig_read_number(in) != 0)
		restore_modes(r->fd, in);
	return pmig_read_check(in);
}

const struct pmig_kind kind_standard = {
	.version = PMIG_KIND_VERSION,
	.name = "standard",
	.about = "the standard streams as the launcher gave them: they follow it",
	.match = match,
	.describe = describe,
	.save = save,
	.refer = follow,
};
