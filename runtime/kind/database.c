/* database: an SQLite database that the program has open; the handle is its connection:
 * pmig_declare_handle((void **)&db, "database", "/path/app.db", &d).
 *
 * Move and copy carry a snapshot, the write-ahead log folded in. For a reference the database stays where it is, and SQLite at the
 * target works on it through a file system layer of its own (remote_database.h): a layer below SQLite and not a proxy of its
 * API above it, because then every function of SQLite is what it is, statements are compiled and run where the program is, and
 * what other processes at the source must see is what they see of any process: locks on byte ranges of the file, and a
 * rollback journal beside it. A write-ahead log needs memory that its users share, so that a database with one is taken back to a
 * rollback journal for a reference if the declaration says PMIG_LOSS, and refused otherwise.
 *
 * The connection is another one after a restore, set as it was (connection.h). SQLite's functions are weak symbols. */
#include "../base/error.h"
#include "../reference/reference.h"
#include "../resource/descriptor.h"
#include "connection.h"
#include "left.h"
#include "place.h"
#include "remote_database.h"
#include "shipped.h"
#include "snapshot.h"

#include <pmig/kind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SUFFIX_MAX 16

/* pmig_resource.state at the target */
struct database {
	struct place_done done;               /* what was put there */
	struct place_done aside[2];           /* what lay beside it and would have been taken for its own */
	struct connection_settings *settings; /* until they are applied */
	bool closed;                          /* the program had it closed, and has it so here */
};

static const char *path_of(const struct pmig_resource *r)
{
	const char *path = sqlite3_db_filename(r->handle, "main");
	return path != NULL && path[0] != 0 ? path : NULL;
}

static int match(const struct pmig_resource *r)
{
	(void)r;
	return 0;
}

static int handle(struct pmig_resource *r)
{
	struct stat a, b;
	if (!sqlite_linked())
		return error_set(PMIG_EINVAL, "this program is not linked with SQLite, or with one before 3.7.15");
	if (r->handle == NULL)
		return error_set(PMIG_EINVAL, "the variable holds no connection; open the database first");
	const char *path = path_of(r);
	if (path == NULL)
		return error_set(PMIG_EINVAL,
			"this database is temporary or lies in memory; only one in a file can be carried");
	if (stat(path, &a) < 0 || stat(r->locator, &b) < 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return error_set(PMIG_EINVAL, "the connection leads to %s; give that path", path);
	if (r->locator[0] != '/')
		r->locator = path;
	return 0;
}

/* The program keeps its variable at NULL while it has the database closed. */
static bool closed(const struct pmig_resource *r)
{
	return r->handle == NULL;
}

static int ready(struct pmig_resource *r)
{
	return closed(r) ? 0 : connection_ready(r->handle);
}

static bool beside(const char *path, const char *locator)
{
	size_t n = strlen(path);
	for (size_t i = 0; snapshot_suffix(i) != NULL; i++)
		if (strncmp(locator, path, n) == 0 && strcmp(locator + n, snapshot_suffix(i)) == 0)
			return true;
	return false;
}

static int owns(const struct pmig_resource *r, const struct pmig_resource *other)
{
	struct stat st;
	const char *path = closed(r) ? NULL : path_of(r);
	if (path != NULL && r->reference != 0)
		return remote_database_socket(path, other->fd);
	if (path == NULL || !S_ISREG(other->st.st_mode))
		return 0;
	return (stat(path, &st) == 0 && st.st_dev == other->st.st_dev && st.st_ino == other->st.st_ino) ||
		beside(path, other->locator);
}

static int describe(struct pmig_resource *r)
{
	struct stat st = {0};
	const char *path = closed(r) ? r->locator : path_of(r);
	bool here = r->reference == 0 && path != NULL && stat(path, &st) == 0;
	if (closed(r))
		r->size = (uint64_t)st.st_size;
	else
		r->size = (uint64_t)(connection_number(r->handle, "PRAGMA main.page_count", 0) *
			connection_number(r->handle, "PRAGMA main.page_size", 0));
	if (here && !r->shared)
		r->shared = descriptor_elsewhere(path, &st, false, r->shared_with, sizeof r->shared_with);
	return 0;
}

/* --- at the source --- */

/* A reference has no shared memory: no log, and no lock that is never let go. */
static int fit_for_reference(struct pmig_resource *r)
{
	char mode[32];
	connection_word(r->handle, "PRAGMA main.journal_mode", mode, sizeof mode);
	if (strcmp(mode, "wal") == 0 && (r->declaration.consent & PMIG_LOSS) == 0)
		return error_set(PMIG_EREFUSED,
			"it has a write-ahead log, which needs memory that all its users share; a reference is possible with a rollback "
			"journal (PRAGMA journal_mode = DELETE, or declare the consent PMIG_LOSS)");
	if (strcmp(mode, "wal") == 0) {
		connection_word(r->handle, "PRAGMA main.journal_mode = DELETE", mode, sizeof mode);
		if (strcmp(mode, "delete") != 0)
			return error_set(PMIG_EREFUSED, "its write-ahead log cannot be given up, somebody else uses it: %s",
				connection_words(r->handle));
	}
	connection_word(r->handle, "PRAGMA main.locking_mode", mode, sizeof mode);
	return strcmp(mode, "exclusive") == 0
		? error_set(PMIG_EREFUSED, "its locking_mode is exclusive, which leaves the database locked here")
		: 0;
}

static int save_reference(struct pmig_resource *r, struct pmig_writer *w, const struct stat *st)
{
	uint64_t id = r->reference;
	if (closed(r))
		return error_set(PMIG_EREFUSED, "it is closed: only an open one can be used from elsewhere");
	int e = id != 0 ? 0 : fit_for_reference(r);
	if (e >= 0 && id != 0)
		e = reference_carry(id);
	else if (e >= 0 && !r->kept)
		e = reference_keep(REFERENCE_FILE, snapshot_descriptor(st), r->locator, &id);
	pmig_write_number(w, id);
	return e < 0 ? e : connection_save(r->handle, w);
}

/* The content, but for one that the target has already (shipped.h): then its size. */
static int put_content(struct pmig_resource *r, struct pmig_writer *w, int fd)
{
	struct stat of;
	struct left_hash hash;
	if (fstat(fd, &of) < 0)
		return error_set(PMIG_EIO, "its snapshot is gone");
	uint64_t size = (uint64_t)of.st_size;
	bool known = r->content != NULL && r->content[0] != 0, there = known && shipped_is(fd, size, r->content, &hash);
	if (known && !there && r->strategy == PMIG_REBIND)
		return error_set(PMIG_EREFUSED, "it has changed since the target was found to have the same content");
	pmig_write_number(w, there);
	pmig_write_number(w, size);
	int e = pmig_write_content(w, fd, there || r->strategy == PMIG_REBIND ? 0 : size);
	if (e >= 0 && r->strategy != PMIG_REBIND)
		left_remember(r->locator, there ? hash : left_hash(pmig_written_content(w), size));
	return e;
}

static int save_from(struct pmig_resource *r, sqlite3 *db, struct pmig_writer *w, const char *path, const struct stat *st)
{
	int fd = -1;
	bool own = true;
	int e = r->reference != 0 ? snapshot_fetch(db, &fd) : snapshot_take(db, path, !r->shared, &fd, &own);
	if (e < 0)
		return e;
	pmig_write_number(w, r->reference != 0 ? 0600 : st->st_mode & 07777);
	pmig_write_number(w, (uint64_t)((int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec));
	e = put_content(r, w, fd);
	if (own)
		close(fd);
	return e < 0 ? e : connection_save(db, w);
}

/* One that is closed has a connection for as long as this takes. */
static int save_content(struct pmig_resource *r, struct pmig_writer *w, const char *path, const struct stat *st)
{
	sqlite3 *db = NULL;
	if (!closed(r))
		return save_from(r, r->handle, w, path, st);
	int e = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK
		? save_from(r, db, w, path, st)
		: error_set(PMIG_EREFUSED, "it cannot be opened: %s", db != NULL ? sqlite3_errmsg(db) : "no memory");
	(void)sqlite3_close(db);
	return e;
}

static int save(struct pmig_resource *r, struct pmig_writer *w)
{
	struct stat st = {0};
	const char *path = closed(r) ? r->locator : path_of(r);
	pmig_write_number(w, closed(r));
	if (r->reference == 0 && (path == NULL || stat(path, &st) < 0))
		return error_set(PMIG_EREFUSED, "its file has no name any more");
	int e = r->strategy == PMIG_REFER ? save_reference(r, w, &st) : save_content(r, w, path, &st);
	if (r->reference == 0 && stat(path, &r->st) < 0) /* for release() */
		r->st = st;
	return e;
}

static void forget(struct pmig_resource *r)
{
	struct database *d = r->state;
	if (d != NULL)
		free(d->settings);
	free(d);
	r->state = NULL;
}

/* Removed only if nobody has changed it since the freeze. */
static int release(struct pmig_resource *r)
{
	const struct stat *then = &r->st;
	struct stat now;
	int left = 0;
	if (r->strategy == PMIG_MOVE && r->reference == 0 && lstat(r->locator, &now) == 0) {
		bool same = now.st_dev == then->st_dev && now.st_ino == then->st_ino && now.st_size == then->st_size &&
			now.st_ctim.tv_sec == then->st_ctim.tv_sec && now.st_ctim.tv_nsec == then->st_ctim.tv_nsec;
		left = same && unlink(r->locator) == 0 ? 0 : 1;
		for (size_t i = 0; left == 0 && snapshot_suffix(i) != NULL; i++) {
			char path[4096 + SUFFIX_MAX];
			(void)snprintf(path, sizeof path, "%s%s", r->locator, snapshot_suffix(i));
			(void)unlink(path);
		}
	}
	return left;
}

/* --- at the target --- */

static int open_connection(struct pmig_resource *r, const char *path, const char *layer)
{
	struct database *d = r->state;
	sqlite3 *db = NULL;
	if (d->closed)
		return 0;
	if (!sqlite_linked())
		return error_set(PMIG_EREFUSED, "there is no SQLite here");
	int code = sqlite3_open_v2(path, &db, connection_flags(d->settings), layer);
	if (code != SQLITE_OK) {
		int e = error_set(PMIG_EREFUSED, "it cannot be opened here: %s",
			db != NULL ? sqlite3_errmsg(db) : "no memory");
		(void)sqlite3_close(db);
		return e;
	}
	r->handle = db;
	return 0;
}

static struct database *arrived(struct pmig_resource *r, struct pmig_reader *in)
{
	struct database *d = calloc(1, sizeof *d);
	r->state = d;
	r->handle = NULL; /* what the variable holds belongs to another process */
	if (d != NULL)
		d->closed = pmig_read_number(in) != 0;
	else
		(void)error_set(PMIG_ENOMEM, "no memory for a database");
	return d;
}

/* A journal or log that lies there would be taken for this database's. */
static int nothing_beside(const struct pmig_resource *r)
{
	static const char *const suffixes[] = {"-journal", "-wal"};
	struct database *d = r->state;
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char name[4096 + SUFFIX_MAX];
		struct stat st;
		(void)snprintf(name, sizeof name, "%s%s", r->locator, suffixes[i]);
		if (lstat(name, &st) < 0 || st.st_size == 0)
			continue;
		int e = r->rewind
			? place_aside(name, &d->aside[i])
			: error_set(PMIG_EREFUSED,
				  "%s lies here, of a database that is gone or in use: it would be taken for this one's; "
				  "move it away (`pmig restart --rewind` sets it aside)",
				  name);
		if (e < 0)
			return e;
	}
	return 0;
}

static int put(struct pmig_resource *r, const struct place_file *f, struct place_done *done)
{
	int fd = -1;
	bool other = false;
	if (!place_sound(f->path))
		return error_set(PMIG_ECORRUPT, "%s is not an absolute path", f->path);
	int e = nothing_beside(r);
	if (e >= 0)
		e = place_find(f, r->strategy == PMIG_MOVE, &fd, &other);
	done->stale = e == 0 && other && place_left(f->path);
	if (e == 0 && other)
		e = r->rewind || done->stale
			? place_aside(f->path, done)
			: error_set(PMIG_EREFUSED,
				  "another file lies here under that name; nothing was overwritten: move it away "
				  "(`pmig restart --rewind` sets it aside)");
	if (e == 0)
		e = place_create(f, &fd, done);
	if (fd >= 0)
		close(fd); /* SQLite, which minds that this lets locks go, has not read anything yet: see resolve() */
	return e < 0 ? e : 0;
}

/* `f` as save_content() wrote it, and the settings; *ret_mapped for munmap(), NULL: nothing. */
static int read_content(struct pmig_resource *r, struct pmig_reader *in, struct place_file *f, const void **ret_mapped)
{
	struct database *d = r->state;
	uint64_t size;
	*f = (struct place_file){.path = r->locator, .mode = (mode_t)pmig_read_number(in) & 0777};
	f->modified = (int64_t)pmig_read_number(in);
	bool there = pmig_read_number(in) != 0;
	size = pmig_read_number(in);
	f->data = pmig_read_content(in, &f->size);
	int e = connection_read(in, &d->settings);
	if (e < 0 || !there)
		return e;
	e = shipped_map(r->there, size, r->content, ret_mapped);
	f->data = *ret_mapped;
	f->size = size;
	return e;
}

static int arrive(struct pmig_resource *r, struct pmig_reader *in)
{
	struct place_file f;
	const void *mapped = NULL;
	struct database *d = arrived(r, in);
	if (d == NULL)
		return PMIG_ENOMEM;
	int e = read_content(r, in, &f, &mapped);
	if (e >= 0)
		e = put(r, &f, &d->done);
	if (mapped != NULL && f.size > 0)
		(void)munmap((void *)(uintptr_t)mapped, f.size);
	r->reference = 0;
	r->there = ""; /* it is where its locator says */
	return e < 0 ? e : open_connection(r, r->locator, NULL);
}

/* By value: equal content that the target has is used where it lies, if it is only read, else as its own copy. By type: what the target
 * provides. */
static int rebind(struct pmig_resource *r, struct pmig_reader *in)
{
	struct place_file f;
	const void *mapped = NULL;
	struct database *d = arrived(r, in);
	if (d == NULL)
		return PMIG_ENOMEM;
	int e = read_content(r, in, &f, &mapped);
	bool own = mapped != NULL && (connection_flags(d->settings) & SQLITE_OPEN_READONLY) == 0;
	if (e >= 0 && own)
		e = put(r, &f, &d->done);
	if (mapped != NULL && f.size > 0)
		(void)munmap((void *)(uintptr_t)mapped, f.size);
	r->reference = 0;
	if (e >= 0 && !own && (r->there == NULL || r->there[0] != '/'))
		e = error_set(PMIG_EREFUSED, "nothing is known here that could take its place");
	if (e >= 0)
		e = open_connection(r, own ? r->locator : r->there, NULL);
	if (own)
		r->there = "";
	return e;
}

/* The database itself is at this host: it must still be the one under its name. */
static int open_itself(struct pmig_resource *r, int fd)
{
	struct stat held, named;
	bool same = fstat(fd, &held) == 0 && stat(r->locator, &named) == 0 && held.st_dev == named.st_dev &&
		held.st_ino == named.st_ino;
	close(fd);
	r->reference = 0;
	return same ? open_connection(r, r->locator, NULL)
		    : error_set(PMIG_EREFUSED, "another file lies under that name by now, or none");
}

static int refer(struct pmig_resource *r, struct pmig_reader *in)
{
	struct database *d = arrived(r, in);
	int fd = -1;
	bool itself = false;
	if (d == NULL)
		return PMIG_ENOMEM;
	uint64_t id = pmig_read_number(in);
	int e = connection_read(in, &d->settings);
	if (e < 0)
		return e;
	r->there = "";
	r->reference = id;
	if (id == 0)
		return r->kept ? open_connection(r, r->locator, NULL)
			       : error_set(PMIG_ECORRUPT, "a reference without a number");
	e = reference_connect(id, &fd, &itself);
	if (e < 0)
		return e;
	if (itself)
		return open_itself(r, fd);
	e = remote_database_serve(r->locator, fd);
	return e < 0 ? e : open_connection(r, r->locator, REMOTE_DATABASE);
}

/* Only now is the database read, and may locks be held: no descriptor of it will be closed any more but by SQLite. */
static int resolve(struct pmig_resource *r)
{
	struct database *d = r->state;
	int e = d == NULL || d->settings == NULL || r->handle == NULL ? 0 : connection_apply(r->handle, d->settings);
	return e < 0 ? error_prefix(e, "%s", r->locator) : 0;
}

static int undo(struct pmig_resource *r)
{
	struct database *d = r->state;
	if (r->handle != NULL && d != NULL)
		(void)sqlite3_close(r->handle);
	r->handle = NULL;
	if (d != NULL)
		place_undo(&d->done);
	for (size_t i = 0; d != NULL && i < 2; i++)
		place_undo(&d->aside[i]);
	forget(r);
	return 0;
}

static void settle(struct pmig_resource *r)
{
	struct database *d = r->state;
	if (d != NULL)
		place_settle(&d->done);
	for (size_t i = 0; d != NULL && i < 2; i++)
		place_settle(&d->aside[i]);
	forget(r);
}

const struct pmig_kind kind_database = {
	.version = PMIG_KIND_VERSION,
	.name = "database",
	.about = "an SQLite database, declared by its connection",
	.match = match,
	.describe = describe,
	.save = save,
	.move = arrive,
	.copy = arrive,
	.refer = refer,
	.rebind = rebind,
	.resolve = resolve,
	.undo = undo,
	.release = release,
	.settle = settle,
	.handle = handle,
	.owns = owns,
	.ready = ready,
};
