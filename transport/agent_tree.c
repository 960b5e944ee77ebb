/* agent_tree: what a declared directory holds, looked at before anything is frozen; and what of it is in the way at a target. */
#include "agent_parts.h"
#include "content_index.h"
#include "hex_text.h"
#include "tree.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Of a larger tree a target is asked about a part; the rest is compared when it arrives. */
#define LISTED_BYTES (24u << 10)
#define HASHED_BYTES (4u << 20)

struct listing {
	json_t *entries;
	struct content_index *index; /* NULL: none */
	uint64_t bytes, hashed;
};

static const char *sort_of(mode_t mode)
{
	return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "link" : "other";
}

static void list(void *context, const char *root, const char *path, const struct stat *st)
{
	struct listing *l = context;
	char hash[CACHE_HASH];
	const char *below = path + strlen(root) + 1;
	l->bytes += 128 + 2 * strlen(below);
	if (l->bytes > LISTED_BYTES)
		return;
	json_t *entry = json_pack("{s:o, s:s, s:I}", "path", hex_text_json(below), "is", sort_of(st->st_mode), "size",
		(json_int_t)(S_ISREG(st->st_mode) ? st->st_size : 0));
	if (S_ISREG(st->st_mode) && l->index != NULL && l->hashed + (uint64_t)st->st_size <= HASHED_BYTES &&
		content_index_hash(l->index, path, -1, hash) >= 0) {
		l->hashed += (uint64_t)st->st_size;
		(void)json_object_set_new(entry, "hash", json_string(hash));
	}
	(void)json_array_append_new(l->entries, entry);
}

void agent_tree_note(const char *path, json_t *row)
{
	struct tree_look look;
	struct listing l = {.entries = json_array()};
	if (content_index_open(NULL, &l.index) < 0)
		l.index = NULL;
	tree_look(path, list, &l, &look);
	content_index_close(l.index);
	(void)json_object_set_new(row, "found_size", json_integer((json_int_t)look.size));
	(void)json_object_set_new(row, "tree", l.entries);
	if (look.stuck[0] != '\0')
		(void)json_object_set_new(row, "stuck", hex_text_json(look.stuck));
}

static bool differs(struct content_index *index, const char *path, const json_t *entry)
{
	struct stat st;
	char hash[CACHE_HASH];
	if (lstat(path, &st) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	if (strcmp(sort_of(st.st_mode), agent_text(entry, "is")) != 0)
		return true;
	if (!S_ISREG(st.st_mode))
		return false;
	return st.st_size != (off_t)agent_number(entry, "size", -1) ||
		(*agent_text(entry, "hash") != '\0' && content_index_hash(index, path, -1, hash) >= 0 &&
			strcmp(hash, agent_text(entry, "hash")) != 0);
}

bool agent_tree_differs(struct content_index *index, const char *path, const json_t *tree, char ret_below[PATH_MAX])
{
	size_t i;
	const json_t *entry;
	json_array_foreach(tree, i, entry)
	{
		char full[2 * PATH_MAX];
		if (!hex_text_get(json_object_get(entry, "path"), ret_below, PATH_MAX))
			continue;
		(void)snprintf(full, sizeof full, "%s/%s", path, ret_below);
		if (differs(index, full, entry))
			return true;
	}
	return false;
}
