/* directory: a descriptor of a directory is opened again by its path, which must be there, or leads to where it stays. The tree is not
 * carried. */
#include "../base/error.h"
#include "elsewhere.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <stdio.h>
#include <string.h>

static int match(const struct pmig_resource *r)
{
	return S_ISDIR(r->st.st_mode);
}

static int describe(struct pmig_resource *r)
{
	if (elsewhere_describe(r))
		return 0;
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_UNATTACHED;
	}
	if (r->st.st_nlink == 0)
		return error_set(PMIG_EREFUSED, "the directory was removed; close it before the safe point");
	return 0;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	if (r->strategy == PMIG_REFER)
		return elsewhere_save(r, w);
	pmig_write_text(w, r->locator);
	return 0;
}

static int reopen(struct pmig_resource *r, struct pmig_reader *in)
{
	const char *path = pmig_read_text(in);
	int e = pmig_read_check(in);
	if (e < 0)
		return e;
	if (path[0] != '/')
		return error_set(PMIG_ECORRUPT, "%s is not an absolute path", path);
	r->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (r->flags & O_PATH));
	if (r->fd < 0)
		return error_errno(PMIG_EREFUSED, errno,
			"the directory is needed here and cannot be opened; create it, or close it before the safe point");
	return 0;
}

const struct pmig_kind kind_directory = {
	.version = PMIG_KIND_VERSION,
	.name = "directory",
	.about = "a directory, opened again by its path",
	.match = match,
	.describe = describe,
	.save = save,
	.move = reopen,
	.copy = reopen,
	.refer = elsewhere_refer,
	.rebind = reopen,
};
