/* path_map: a list; a program has one site or two. */
#include "path_map.h"

#include "../guard.h"
#include "remote_file.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	struct entry *next;
	struct remote_file *directory;
	size_t size; /* of the prefix */
	char prefix[];
};

_Atomic bool path_map_any;
static struct entry *all;

/* Without the slashes at its end. */
static size_t length(const char *prefix)
{
	size_t n = strlen(prefix);
	while (n > 1 && prefix[n - 1] == '/')
		n--;
	return n;
}

static struct entry **find(const char *prefix)
{
	size_t n = length(prefix);
	struct entry **p = &all;
	while (*p != NULL && ((*p)->size != n || strncmp((*p)->prefix, prefix, n) != 0))
		p = &(*p)->next;
	return p;
}

int path_map_add(const char *prefix, struct remote_file *directory)
{
	size_t n = length(prefix);
	GUARD(GUARD_REMOTE);
	if (*find(prefix) != NULL)
		return error_set(PMIG_EEXIST, "%s leads to another host already", prefix);
	struct entry *e = malloc(sizeof *e + n + 1);
	if (e == NULL)
		return error_set(PMIG_ENOMEM, "no memory for a path");
	*e = (struct entry){.next = all, .directory = directory, .size = n};
	memcpy(e->prefix, prefix, n);
	e->prefix[n] = 0;
	all = e;
	path_map_any = true;
	return 0;
}

void path_map_remove(const char *prefix)
{
	GUARD(GUARD_REMOTE);
	struct entry **p = find(prefix), *e = *p;
	if (e == NULL)
		return;
	*p = e->next;
	path_map_any = all != NULL;
	(void)remote_file_close(e->directory);
	free(e);
}

struct remote_file *path_map_lookup(const char *path, const char **ret_rest)
{
	GUARD(GUARD_REMOTE);
	for (struct entry *e = all; e != NULL; e = e->next) {
		if (strncmp(path, e->prefix, e->size) != 0 || (path[e->size] != 0 && path[e->size] != '/'))
			continue;
		const char *rest = path + e->size + strspn(path + e->size, "/");
		*ret_rest = rest[0] != 0 ? rest : ".";
		return e->directory;
	}
	return NULL;
}

int path_map_socket(const char *prefix)
{
	GUARD(GUARD_REMOTE);
	struct entry *e = *find(prefix);
	return e != NULL ? remote_file_socket(e->directory) : -1;
}
