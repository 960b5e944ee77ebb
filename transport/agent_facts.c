/* agent_facts: what a target has already, asked before anything is frozen, and the content of files on either side. */
#include "agent_limits.h"
#include "build_id.h"
#include "content_index.h"
#include "hex_text.h"
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 65536
#define OTHERS_MAX 4 /* paths of equal size that are named for one file */
#define SEARCH_NS 40000000

static int64_t now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static json_t *hash_of(struct content_index *x, const char *path, int fd)
{
	char hash[CACHE_HASH];
	return content_index_hash(x, path, fd, hash) < 0 ? json_null() : json_string(hash);
}

/* Whether the descriptor behind this link in /proc still has a name: then the index knows the content by it from now on, and finds
 * it when the program comes back. */
static bool has_name(const char *link, int fd, char ret_path[PATH_MAX])
{
	struct stat st, named;
	ssize_t n = readlink(link, ret_path, PATH_MAX - 1);
	ret_path[n > 0 ? n : 0] = '\0';
	return fstat(fd, &st) == 0 && lstat(ret_path, &named) == 0 && S_ISREG(named.st_mode) && named.st_dev == st.st_dev &&
		named.st_ino == st.st_ino;
}

int agent_do_hashes(struct agent *a, const json_t *request, json_t **ret_answer)
{
	const json_t *paths = json_object_get(request, "paths"), *path;
	struct content_index *x;
	size_t i;
	if (json_array_size(paths) > FILES_MAX)
		return error_set(PMIG_EPROTOCOL, "agent: more than %d files", FILES_MAX);
	int r = content_index_open(NULL, &x);
	if (r < 0)
		return r;
	json_t *hashes = json_array();
	json_array_foreach(paths, i, path)
	{
		char name[64], of[PATH_MAX];
		if (!json_is_integer(path)) {
			(void)json_array_append_new(hashes,
				hex_text_get(path, of, sizeof of) ? hash_of(x, of, -1) : json_null());
			continue;
		}
		/* a descriptor of the program: it may have no name any more */
		(void)snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)a->pid, (int)json_integer_value(path));
		int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		(void)json_array_append_new(hashes,
			fd < 0                           ? json_null()
				: has_name(name, fd, of) ? hash_of(x, of, -1)
							 : hash_of(x, NULL, fd));
		if (fd >= 0)
			(void)close(fd);
	}
	content_index_close(x);
	*ret_answer = json_pack("{s:o}", "hashes", hashes);
	return 0;
}

/* Whether something could be made at `path`: its nearest directory that is there lets us. */
static bool can_create(const char *path)
{
	char directory[PATH_MAX];
	(void)snprintf(directory, sizeof directory, "%s", path);
	for (char *slash; (slash = strrchr(directory, '/')) != NULL;) {
		slash[slash == directory] = '\0';
		if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0)
			return true;
		if (errno != ENOENT || slash == directory)
			return false;
	}
	return false;
}

static const char *sort_of(mode_t mode)
{
	return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "link" : "other";
}

/* One file that is asked about. */
struct question {
	struct agent *agent;
	struct content_index *index;
	const char *path, *build_id;
	uint64_t size;
	const json_t *tree;   /* what is in a directory there; NULL: not asked */
	const json_t *places; /* that were declared elsewhere */
	json_t *others;
	int64_t until;
};

static json_t *look(const struct question *q, const char *path)
{
	struct stat st;
	char id[BUILD_ID_MAX];
	if (lstat(path, &st) < 0)
		return json_pack("{s:s, s:b}", "is", errno == ENOENT || errno == ENOTDIR ? "absent" : "hidden", "creatable",
			(int)can_create(path));
	json_t *answer = json_pack("{s:s, s:I, s:I}", "is", sort_of(st.st_mode), "size", (json_int_t)st.st_size, "modified",
		(json_int_t)st.st_mtim.tv_sec);
	(void)json_object_set_new(answer, "path", hex_text_json(path));
	char below[PATH_MAX];
	if (S_ISDIR(st.st_mode) && agent_tree_differs(q->index, path, q->tree, below))
		(void)json_object_set_new(answer, "differs", hex_text_json(below));
	if (!S_ISREG(st.st_mode))
		return answer;
	int fd = q->build_id[0] != '\0' ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
	if (fd >= 0 && build_id_get(fd, id) >= 0)
		(void)json_object_set_new(answer, "build_id", json_string(id));
	else if ((uint64_t)st.st_size == q->size)
		(void)json_object_set_new(answer, "hash", hash_of(q->index, path, -1));
	if (fd >= 0)
		(void)close(fd);
	return answer;
}

static const char *const library_folders[] = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"};

/* A library may lie in another of the usual folders here. */
static json_t *look_for_library(const struct question *q)
{
	const char *path = q->path, *slash = strrchr(path, '/');
	struct stat st;
	char there[PATH_MAX], real[PATH_MAX];
	if (slash == NULL || stat(path, &st) == 0)
		return look(q, slash != NULL && realpath(path, real) != NULL ? real : path);
	for (size_t i = 0; i < sizeof library_folders / sizeof *library_folders; i++) {
		(void)snprintf(there, sizeof there, "%s%.*s", library_folders[i], NAME_MAX + 1, slash);
		if (realpath(there, real) != NULL)
			return look(q, real);
	}
	return look(q, path);
}

/* --- equal content under any other path --- */

static bool on_other(void *context, const char *path, const char *hash)
{
	struct question *q = context;
	if (strcmp(path, q->path) != 0)
		(void)json_array_append_new(q->others, json_pack("{s:o, s:s}", "path", hex_text_json(path), "hash", hash));
	return json_array_size(q->others) < OTHERS_MAX;
}

static void on_place(void *context, const char *place)
{
	struct question *q = context;
	content_index_search(q->index, place, q->size, q->until);
}

static void find_others(struct question *q, json_t *answer)
{
	size_t i;
	const json_t *place;
	q->others = json_array();
	agent_places(q->agent, on_place, q);
	json_array_foreach(q->places, i, place)
	{
		on_place(q, agent_text(place, "locator"));
	}
	content_index_each(q->index, q->size, on_other, q);
	if (json_array_size(q->others) > 0)
		(void)json_object_set(answer, "others", q->others);
	json_decref(q->others);
}

static json_t *answer_files(struct agent *a, const json_t *request, struct content_index *x)
{
	const json_t *files = json_object_get(request, "files");
	json_t *answers = json_array();
	const json_t *file;
	size_t i;
	int64_t until = now() + SEARCH_NS;
	json_array_foreach(files, i, file)
	{
		char path[PATH_MAX] = "";
		(void)hex_text_get(json_object_get(file, "path"), path, sizeof path);
		struct question q = {.agent = a,
			.index = x,
			.path = path,
			.build_id = agent_text(file, "build_id"),
			.size = (uint64_t)agent_number(file, "size", -1),
			.tree = json_object_get(file, "tree"),
			.places = json_object_get(request, "places"),
			.until = until};
		bool library = strcmp(agent_text(file, "kind"), "library") == 0;
		json_t *answer = library ? look_for_library(&q) : look(&q, q.path);
		if (json_is_true(json_object_get(file, "content")))
			find_others(&q, answer);
		(void)json_array_append_new(answers, answer);
	}
	return answers;
}

int agent_do_facts(struct agent *a, const json_t *request, json_t **ret_answer)
{
	const json_t *files = json_object_get(request, "files");
	struct statvfs fs;
	struct pmig_process_row *row = NULL;
	struct content_index *x;
	if (json_array_size(files) > FILES_MAX)
		return error_set(PMIG_EPROTOCOL, "agent: more than %d files", FILES_MAX);
	int r = content_index_open(NULL, &x);
	if (r < 0)
		return r;
	bool known = a->store->process_get(a->store, a->options->uuid, &row) >= 0;
	free(row);
	*ret_answer = json_pack("{s:s, s:i, s:b, s:o, s:o, s:o, s:o}", "arch", machine_arch(), "level", machine_level(),
		"known", (int)known, "files", answer_files(a, request, x), "providers",
		agent_providers(a, json_object_get(request, "types")), "reach",
		agent_reach(json_object_get(request, "reach")), "nonces",
		agent_marks_read(json_object_get(request, "marks")));
	content_index_close(x);
	char directory[PATH_MAX];
	struct stat st;
	if (hex_text_get(json_object_get(request, "directory"), directory, sizeof directory))
		(void)json_object_set_new(*ret_answer, "directory",
			json_boolean(stat(directory, &st) == 0 && S_ISDIR(st.st_mode) && access(directory, X_OK) == 0));
	char locales[CONTROL_TEXT_MAX], missing[PMIG_NAME_MAX + 1];
	if (hex_text_get(json_object_get(request, "locales"), locales, sizeof locales) &&
		agent_locale_missing(locales, missing))
		(void)json_object_set_new(*ret_answer, "not_installed", hex_text_json(missing));
	if (agent_limits_facts(a, request) < 0)
		(void)json_object_set_new(*ret_answer, "not_allowed", hex_text_json(pmig_reason()));
	char less[512];
	if (agent_grants_less(json_object_get(request, "grants"), less, sizeof less))
		(void)json_object_set_new(*ret_answer, "less", json_string(less));
	if (fstatvfs(a->directory, &fs) == 0)
		(void)json_object_set_new(*ret_answer, "space",
			json_integer((json_int_t)fs.f_bavail * (json_int_t)fs.f_frsize));
	return 0;
}
