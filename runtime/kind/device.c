/* device: null, zero, full, the random ones and the controlling terminal are the same everywhere; any other device
 * stays where it is. */
#include "../base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <sys/sysmacros.h>

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

static int match(const struct pmig_resource *r)
{
	return S_ISCHR(r->st.st_mode) || S_ISBLK(r->st.st_mode);
}

static int describe(struct pmig_resource *r)
{
	bool common = S_ISCHR(r->st.st_mode) && path_of(major(r->st.st_rdev), minor(r->st.st_rdev)) != NULL;
	if (r->declaration.binding == 0) {
		r->declaration.binding = common ? PMIG_BY_TYPE : PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_FIXED;
	}
	if (!common && r->declaration.binding == PMIG_BY_TYPE)
		return error_set(PMIG_EREFUSED, "no device of its type is known elsewhere");
	return 0;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	pmig_write_number(w, major(r->st.st_rdev));
	pmig_write_number(w, minor(r->st.st_rdev));
	return 0;
}

static int rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	unsigned major_number = (unsigned)pmig_read_number(in);
	const char *path = path_of(major_number, (unsigned)pmig_read_number(in));
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	if (path == NULL)
		return error_set(PMIG_ECORRUPT, "a device that is not the same everywhere");
	r->fd = open(path, (r->flags & O_ACCMODE) | O_CLOEXEC | O_NOCTTY);
	return r->fd < 0 ? error_errno(PMIG_EREFUSED, errno, "%s", path) : 0;
}

const struct pmig_kind kind_device = {
	.version = PMIG_KIND_VERSION,
	.name = "device",
	.about = "null, zero, random, tty: the target's own; other devices cannot move",
	.match = match,
	.describe = describe,
	.save = save,
	.rebind = rebind,
};
