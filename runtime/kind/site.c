/* site: a folder with what belongs together in it: the document root of a web site, a tree of data. The handle is its path:
 * pmig_declare_handle((void **)&root, "site", "/srv/www", &d).
 *
 * For a reference it stays where it is, and all that the program opens, reads or lists below its path comes from there (path_map.h), under
 * the same path; what it writes there is written there. Moved or copied, the whole tree goes along (tree.h), and nothing that
 * lies at the target is overwritten. Files of it that are open at a safe point are resources of their own. */
#include "../base/error.h"
#include "../reference/path_map.h"
#include "../reference/reference.h"
#include "../reference/remote_file.h"
#include "../resource/planned.h"
#include "place.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <pmig/kind.h>
#include <stdlib.h>
#include <unistd.h>

static int match(const struct pmig_resource *r)
{
	(void)r;
	return 0;
}

static int handle(struct pmig_resource *r)
{
	struct stat st;
	if (!place_sound(r->locator) || stat(r->locator, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_set(PMIG_EINVAL, "a site is named by the absolute path of its directory");
	return 0;
}

static int owns(const struct pmig_resource *r, const struct pmig_resource *other)
{
	return r->reference != 0 && path_map_socket(r->locator) == other->fd;
}

static int describe(struct pmig_resource *r)
{
	r->size = 0;                                      /* the agent has looked */
	r->kept = !planned_exists() && r->reference == 0; /* saved for later: it will be found where it is */
	return 0;
}

static int keep(struct pmig_resource *r, uint64_t *ret_id)
{
	if (r->reference != 0) {
		*ret_id = r->reference;
		return reference_carry(r->reference);
	}
	int fd = open(r->locator, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(PMIG_EREFUSED, errno, "it cannot be opened");
	int e = reference_keep(REFERENCE_FILE, fd, r->locator, ret_id);
	close(fd);
	return e;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	uint64_t id = 0;
	if (r->strategy != PMIG_REFER && r->reference != 0)
		return error_set(PMIG_EREFUSED, "it lies at another host and is referred to; it is not carried from here");
	if (r->strategy != PMIG_REFER)
		return tree_save(r->locator, w);
	int e = r->kept && r->reference == 0 ? 0 : keep(r, &id);
	pmig_write_number(w, id);
	return e;
}

static int is_here(const char *path)
{
	struct stat st;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return error_set(PMIG_EREFUSED, "no directory lies here under that name");
}

/* The site itself is at this host: it must still be the one under its name. */
static int itself(const char *path, int fd)
{
	struct stat held, named;
	bool same = fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
		held.st_ino == named.st_ino;
	close(fd);
	return same ? 0 : error_set(PMIG_EREFUSED, "another directory lies under that name by now, or none");
}

static int refer(struct pmig_resource *r, struct pmig_reader *in)
{
	uint64_t id = pmig_read_number(in);
	struct remote_file *f = NULL;
	int fd = -1, e = pmig_read_check(in);
	bool here = false;
	r->reference = 0;
	if (e < 0)
		return e;
	if (id == 0)
		return is_here(r->locator);
	e = reference_connect(id, &fd, &here);
	if (e < 0)
		return e;
	if (here)
		return itself(r->locator, fd);
	r->reference = id;
	e = remote_file_connect(fd, r->locator, &f);
	if (e >= 0) {
		e = path_map_add(r->locator, f);
		if (e < 0)
			(void)remote_file_close(f);
	} else {
		close(fd);
	}
	return e;
}

static int arrive(struct pmig_resource *r, struct pmig_reader *in)
{
	struct tree_done *done = calloc(1, sizeof *done);
	r->reference = 0;
	r->state = done;
	return done == NULL ? error_set(PMIG_ENOMEM, "no memory for a site")
			    : tree_arrive(r->locator, in, r->strategy == PMIG_MOVE, done);
}

static int undo(struct pmig_resource *r)
{
	if (r->reference != 0)
		path_map_remove(r->locator);
	if (r->state != NULL)
		tree_undo(r->state);
	free(r->state);
	r->state = NULL;
	return 0;
}

static void settle(struct pmig_resource *r)
{
	if (r->state != NULL)
		tree_settle(r->state);
	free(r->state);
	r->state = NULL;
}

static int release(struct pmig_resource *r)
{
	return r->strategy == PMIG_MOVE && r->reference == 0 ? tree_release(r->locator) : 0;
}

const struct pmig_kind kind_site = {
	.version = PMIG_KIND_VERSION,
	.name = "site",
	.about = "a folder with all that is in it, declared by its path",
	.match = match,
	.describe = describe,
	.save = save,
	.move = arrive,
	.copy = arrive,
	.refer = refer,
	.undo = undo,
	.release = release,
	.settle = settle,
	.handle = handle,
	.owns = owns,
};
