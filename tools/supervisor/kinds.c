/* kinds: shared objects with kinds of resources beside the tree's: they go wherever the program goes, and home remembers them. */
#include "kinds.h"

#include "runtime/base/io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIST_MAX 65536 /* bytes */

static void path_of_list(const struct supervisor *s, char ret_path[PATH_MAX])
{
	(void)snprintf(ret_path, PATH_MAX, "%s/kinds/%s", s->options->state, s->uuid);
}

int kinds_open(struct supervisor *s)
{
	char path[PATH_MAX], folder[PATH_MAX];
	size_t size;
	path_of_list(s, path);
	if (s->options->kinds == NULL) {
		int r = io_read_file(path, LIST_MAX, &s->kinds, &size);
		return r == PMIG_ENOENT ? 0 : r;
	}
	s->kinds = strdup(s->options->kinds);
	if (s->kinds == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	(void)snprintf(folder, sizeof folder, "%s/kinds", s->options->state);
	(void)mkdir(folder, 0700);
	return io_replace_file(path, s->kinds, strlen(s->kinds), 0600);
}

bool kinds_path(const char *list, size_t i, char ret_path[PATH_MAX])
{
	const char *at = list != NULL ? list : "";
	for (; *at != '\0' && i > 0; i--)
		at += strcspn(at, "\n"), at += *at == '\n';
	size_t length = strcspn(at, "\n");
	if (length == 0 || length >= PATH_MAX)
		return false;
	memcpy(ret_path, at, length);
	ret_path[length] = '\0';
	return true;
}

int kinds_add(char **list, const char *path)
{
	char *longer;
	if (asprintf(&longer, "%s%s%s", *list != NULL ? *list : "", *list != NULL ? "\n" : "", path) < 0)
		return error_set(PMIG_ENOMEM, "out of memory");
	free(*list);
	*list = longer;
	return 0;
}
