/* scratch: a directory for what may be lost: another one will do, its content is not needed. Where the target provides none, an empty one is made
 * among its temporary files. pmig_declare_handle((void **)&directory, "scratch", path, &d). */
#include "provided.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int handle(struct pmig_resource *r)
{
	struct stat st;
	if (r->locator[0] != '/' || stat(r->locator, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_set(PMIG_EINVAL, "a scratch directory is named by its absolute path");
	return 0;
}

static int rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	if (r->there != NULL && r->there[0] == '/' && access(r->there, W_OK | X_OK) < 0)
		return error_errno(PMIG_EREFUSED, errno, "%s", r->there);
	return provided_rebind(r, in);
}

/* One of its own, empty; what is in the other stays there. */
static int make(struct pmig_resource *r, struct pmig_reader *in)
{
	const char *temporary = getenv("TMPDIR");
	char path[PATH_MAX];
	(void)in;
	(void)snprintf(path, sizeof path, "%s/pmig-scratch-XXXXXX",
		temporary != NULL && temporary[0] == '/' ? temporary : P_tmpdir);
	if (mkdtemp(path) == NULL)
		return error_errno(PMIG_EREFUSED, errno, "%s", path);
	r->state = strdup(path);
	return provided_use(r, path);
}

static int undo(struct pmig_resource *r)
{
	if (r->state != NULL)
		(void)rmdir(r->state);
	free(r->state);
	r->state = NULL;
	return 0;
}

static void settle(struct pmig_resource *r)
{
	free(r->state);
	r->state = NULL;
}

const struct pmig_kind kind_scratch = {
	.version = PMIG_KIND_VERSION,
	.name = "scratch",
	.about = "a directory for what may be lost: the target's own, or a new one",
	.match = provided_match,
	.describe = provided_describe,
	.move = make,
	.copy = make,
	.rebind = rebind,
	.undo = undo,
	.settle = settle,
	.handle = handle,
};
