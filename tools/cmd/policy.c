/* policy: a policy file, read and checked. */
#include "registry/policy.h"
#include "tools/cmd/cmd.h"

#include <errno.h>
#include <stdlib.h>

int cmd_policy(const char *path, char ret_path[PATH_MAX], char **ret_text)
{
	char *text;
	size_t size;
	if (realpath(path, ret_path) == NULL)
		return error_errno(PMIG_EIO, errno, "%s", path);
	int r = policy_read(path, &text, &size);
	if (r < 0)
		return r;
	struct policy *p = policy_create();
	r = p == NULL ? error_set(PMIG_ENOMEM, "%s: not enough memory", path) : policy_add(p, path, text, size);
	policy_destroy(p);
	if (r < 0)
		free(text);
	else
		*ret_text = text;
	return r;
}
