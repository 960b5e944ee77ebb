/* directory: a descriptor of a directory that nobody declared is opened again by its path, which must be there. A declared one is moved
 * or copied with all that lies below it (tree.h), leads to where it stays, or another one of its type takes its place. */
#include "../base/error.h"
#include "../base/uncarried.h"
#include "elsewhere.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <stdlib.h>

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
	if (uncarried_words(r->locator) != NULL)
		return error_set(PMIG_EREFUSED, "%s", uncarried_words(r->locator));
	if (r->st.st_nlink == 0)
		return error_set(PMIG_EREFUSED, "the directory was removed; close it before the safe point");
	return 0;
}

/* Whether all that is below goes along. */
static bool has_tree(const struct pmig_resource *r)
{
	return r->declared && (r->strategy == PMIG_MOVE || r->strategy == PMIG_COPY);
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	if (r->strategy == PMIG_REFER)
		return elsewhere_save(r, w);
	if (has_tree(r) && r->reference != 0)
		return error_set(PMIG_EREFUSED, "it lies at another host and can only be referred to");
	pmig_write_text(w, r->locator);
	pmig_write_number(w, has_tree(r));
	return has_tree(r) ? tree_save(r->locator, w) : 0;
}

static int reopen(struct pmig_resource *r, const char *path)
{
	r->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (r->flags & O_PATH));
	if (r->fd < 0)
		return error_errno(PMIG_EREFUSED, errno,
			"the directory is needed here and cannot be opened; create it, or close it before the safe point");
	return 0;
}

static int arrive(struct pmig_resource *r, struct pmig_reader *in)
{
	const char *path = pmig_read_text(in);
	bool tree = pmig_read_number(in) != 0;
	int e = pmig_read_check(in);
	if (e >= 0 && path[0] != '/')
		e = error_set(PMIG_ECORRUPT, "%s is not an absolute path", path);
	if (e >= 0 && tree) {
		r->state = calloc(1, sizeof(struct tree_done));
		e = r->state == NULL ? error_set(PMIG_ENOMEM, "no memory for a directory")
				     : tree_arrive(path, in, r->strategy == PMIG_MOVE, r->state);
	}
	return e < 0 ? e : reopen(r, path);
}

static int rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	const char *path = pmig_read_text(in);
	int e = pmig_read_check(in);
	return e < 0 ? e : reopen(r, r->there != NULL && r->there[0] == '/' ? r->there : path);
}

static void settle(struct pmig_resource *r)
{
	if (r->strategy == PMIG_REFER) {
		elsewhere_settle(r);
		return;
	}
	if (r->state != NULL)
		tree_settle(r->state);
	free(r->state);
	r->state = NULL;
}

static int undo(struct pmig_resource *r)
{
	if (r->strategy == PMIG_REFER || r->state == NULL)
		return 0;
	tree_undo(r->state);
	free(r->state);
	r->state = NULL;
	return 0;
}

static int release(struct pmig_resource *r)
{
	return r->strategy == PMIG_MOVE && has_tree(r) && !r->kept ? tree_release(r->locator) : 0;
}

const struct pmig_kind kind_directory = {
	.version = PMIG_KIND_VERSION,
	.name = "directory",
	.about = "a directory, with all below it where it is declared",
	.match = match,
	.describe = describe,
	.save = save,
	.move = arrive,
	.copy = arrive,
	.refer = elsewhere_refer,
	.rebind = rebind,
	.undo = undo,
	.release = release,
	.settle = settle,
};
