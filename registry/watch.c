/* watch: what changes in a registry, row by row, as it changes. */
#include "watch.h"
#include "database.h"
#include "list.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define KEYS_MAX 3

static const struct {
	const char *list;
	const char *keys[KEYS_MAX];
} watched[] = {
#define WATCH(list, ...) {#list, {__VA_ARGS__}},
#include "tbl/watch.h"
#undef WATCH
};
#define WATCHED_COUNT (sizeof watched / sizeof *watched)

struct watch {
	struct database *db;
	char *process;
	int fd;
	char name[NAME_MAX + 1]; /* of the file, in its directory */
	int64_t version;
	json_t *rows[WATCHED_COUNT]; /* by key */
};

/* Changes with every commit of another connection. */
static int version(struct watch *w, int64_t *ret_version)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = database_prepare(w->db, "PRAGMA data_version", &statement);
	if (r < 0)
		return r;
	r = sqlite3_step(statement);
	if (r != SQLITE_ROW)
		return database_error(w->db, r);
	*ret_version = sqlite3_column_int64(statement, 0);
	return 0;
}

/* What tells this row from the others of its list, as text. */
static char *key_of(size_t list, const json_t *row)
{
	json_t *key = json_array();
	for (size_t i = 0; i < KEYS_MAX && watched[list].keys[i] != NULL; i++)
		(void)json_array_append(key, json_object_get(row, watched[list].keys[i]));
	char *text = json_dumps(key, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(key);
	return text;
}

static int read_list(struct watch *w, size_t list, json_t **ret_rows)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	const struct list_options options = {.process = w->process};
	json_t *rows = json_object();
	int r = list_prepare(w->db, watched[list].list, &options, &statement), step;
	while (r >= 0 && (step = sqlite3_step(statement)) != SQLITE_DONE) {
		if (step != SQLITE_ROW) {
			r = database_error(w->db, step);
			break;
		}
		json_t *row = list_row(statement);
		char *key = row != NULL ? key_of(list, row) : NULL;
		if (key == NULL || json_object_set_new(rows, key, row) < 0)
			r = error_set(PMIG_ENOMEM, "watch: not enough memory");
		free(key);
	}
	if (r < 0)
		json_decref(rows);
	else
		*ret_rows = rows;
	return r;
}

int watch_open(struct database *db, const char *process, struct watch **ret_watch)
{
	struct watch *w = calloc(1, sizeof *w);
	if (w == NULL || (process != NULL && (w->process = strdup(process)) == NULL)) {
		free(w);
		return error_set(PMIG_ENOMEM, "watch: not enough memory");
	}
	w->db = db;
	const char *path = database_path(db), *slash = strrchr(path, '/');
	char directory[PATH_MAX];
	(void)snprintf(directory, sizeof directory, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
		slash != NULL ? path : ".");
	(void)snprintf(w->name, sizeof w->name, "%s", slash != NULL ? slash + 1 : path);
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int r = 0;
	if (w->fd < 0 ||
		inotify_add_watch(w->fd, directory, IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM) < 0)
		r = error_errno(PMIG_EIO, errno, "watch: %s", directory);
	if (r >= 0)
		r = version(w, &w->version);
	for (size_t i = 0; r >= 0 && i < WATCHED_COUNT; i++)
		r = read_list(w, i, &w->rows[i]);
	if (r < 0) {
		watch_close(w);
		return r;
	}
	*ret_watch = w;
	return 0;
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

/* 1: something of the registry was written. */
static int drain(struct watch *w)
{
	char buffer[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;
	int written = 0;
	while ((n = read(w->fd, buffer, sizeof buffer)) > 0)
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *e = (const struct inotify_event *)at;
			at += sizeof *e + e->len;
			bool ours = e->len > 0 && strncmp(e->name, w->name, strlen(w->name)) == 0;
			if (ours && (e->mask & (IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) && strcmp(e->name, w->name) == 0)
				return error_set(PMIG_EGONE, "%s was taken away", database_path(w->db));
			written |= ours || (e->mask & IN_Q_OVERFLOW) != 0;
		}
	return written;
}

/* The columns of `was` that are others in `is`; NULL: none. */
static json_t *difference(const json_t *was, json_t *is)
{
	json_t *before = NULL;
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)was, name, value)
	{
		if (json_equal(value, json_object_get(is, name)))
			continue;
		if (before == NULL)
			before = json_object();
		(void)json_object_set(before, name, value);
	}
	return before;
}

static int compare(size_t list, json_t *was, json_t *is, watch_each *each, void *context)
{
	const char *key;
	json_t *row;
	int changes = 0;
	json_object_foreach(was, key, row) if (json_object_get(is, key) == NULL)
	{
		each(context, watched[list].list, "removed", row, NULL);
		changes++;
	}
	json_object_foreach(is, key, row)
	{
		const json_t *old = json_object_get(was, key);
		json_t *before = old != NULL ? difference(old, row) : NULL;
		if (old == NULL)
			each(context, watched[list].list, "added", row, NULL);
		else if (before != NULL)
			each(context, watched[list].list, "changed", row, before);
		changes += old == NULL || before != NULL;
		json_decref(before);
	}
	return changes;
}

int watch_see(struct watch *w, watch_each *each, void *context)
{
	int64_t now;
	int r = drain(w), changes = 0;
	if (r <= 0)
		return r;
	r = version(w, &now);
	if (r < 0 || now == w->version)
		return r;
	w->version = now;
	for (size_t i = 0; r >= 0 && i < WATCHED_COUNT; i++) {
		json_t *rows = NULL;
		r = read_list(w, i, &rows);
		if (r < 0)
			break;
		changes += compare(i, w->rows[i], rows, each, context);
		json_decref(w->rows[i]);
		w->rows[i] = rows;
	}
	return r < 0 ? r : changes;
}

void watch_close(struct watch *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < WATCHED_COUNT; i++)
		json_decref(w->rows[i]);
	if (w->fd >= 0)
		(void)close(w->fd);
	free(w->process);
	free(w);
}
