/* device: null, zero, full, the random ones and the controlling terminal are the same everywhere. Any other device, a terminal among
 * them, stays where it is and its bytes are relayed; or, where only its type counts, the target's own takes its place. */
#include "../base/error.h"
#include "../reference/referred.h"
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct {
	unsigned major, minor;
	const char *path;
} everywhere[] = {
	{1, 3, "/dev/null"},
	{1, 5, "/dev/zero"},
	{1, 7, "/dev/full"},
	{1, 8, "/dev/random"},
	{1, 9, "/dev/urandom"},
	{5, 0, "/dev/tty"},
};

static const char *path_of(unsigned major_number, unsigned minor_number)
{
	for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++)
		if (everywhere[i].major == major_number && everywhere[i].minor == minor_number)
			return everywhere[i].path;
	return NULL;
}

static bool is_common(const struct relay_thing *t)
{
	return S_ISCHR(t->mode) && path_of(major(t->device), minor(t->device)) != NULL;
}

static int match(const struct pmig_resource *r)
{
	return S_ISCHR(r->st.st_mode) || S_ISBLK(r->st.st_mode) || referred_as(r, "device");
}

static int describe(struct pmig_resource *r)
{
	struct relay_thing t;
	relay_look(r, &t);
	if (r->declaration.binding == 0) {
		r->declaration.binding = is_common(&t) ? PMIG_BY_TYPE : PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_FIXED;
	}
	return 0;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	struct relay_thing t;
	if (r->strategy == PMIG_REFER && S_ISBLK(r->st.st_mode))
		return error_set(PMIG_EREFUSED, "a block device has no stream of bytes that could be relayed");
	if (r->strategy == PMIG_REFER)
		return relay_save(r, w);
	relay_look(r, &t);
	relay_write(w, &t);
	return 0;
}

static int rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	struct relay_thing t;
	struct stat st;
	relay_read(in, &t);
	int e = pmig_read_check(in);
	const char *path = r->there != NULL && r->there[0] != '\0' ? r->there
		: is_common(&t)                                    ? path_of(major(t.device), minor(t.device))
								   : NULL;
	if (e < 0)
		return e;
	if (path == NULL)
		return error_set(PMIG_EREFUSED, "no device of its type was found here");
	r->fd = open(path,
		(r->flags & O_ACCMODE) | O_CLOEXEC | O_NOCTTY |
			O_NONBLOCK); /* a line without a carrier would wait for one */
	if (r->fd < 0)
		return error_errno(PMIG_EREFUSED, errno, "%s", path);
	if (fstat(r->fd, &st) < 0 || (st.st_mode & S_IFMT) != (t.mode & S_IFMT))
		return error_set(PMIG_EREFUSED, "%s was given as one of its type and is no %s device", path,
			S_ISCHR(t.mode) ? "character" : "block");
	if (t.terminal && isatty(r->fd) == 0)
		return error_set(PMIG_EREFUSED, "%s was given as one of its type and is no terminal", path);
	relay_set_modes(r->fd, &t);
	return 0;
}

const struct pmig_kind kind_device = {
	.version = PMIG_KIND_VERSION,
	.name = "device",
	.about = "devices and terminals: the target's own by type, else relayed",
	.match = match,
	.describe = describe,
	.save = save,
	.refer = relay_refer,
	.rebind = rebind,
};
