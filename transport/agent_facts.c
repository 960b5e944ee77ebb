/* agent_facts: what a target has already, asked before anything is frozen, and the content of files on either side. */
#include "agent_parts.h"
#include "cache.h"
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FILES_MAX 65536
#define HASH_MAX (256u << 20) /* bytes: a larger file would keep everybody waiting */

/* The hash of what `fd` has, if that is a file of not too many bytes. */
static json_t *hash_of(int fd)
{
	struct stat st;
	char hash[CACHE_HASH];
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)HASH_MAX || cache_hash(fd, hash) < 0)
		return json_null();
	return json_string(hash);
}

int agent_do_hashes(struct agent *a, const json_t *request, json_t **ret_answer)
{
	const json_t *paths = json_object_get(request, "paths"), *path;
	json_t *hashes = json_array();
	size_t i;
	if (json_array_size(paths) > FILES_MAX) {
		json_decref(hashes);
		return error_set(PMIG_EPROTOCOL, "agent: more than %d files", FILES_MAX);
	}
	json_array_foreach(paths, i, path)
	{
		char name[64];
		if (json_is_integer(path)) /* a descriptor of the program: it may have no name any more */
			(void)snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)a->pid, (int)json_integer_value(path));
		const char *from = json_is_integer(path) ? name : json_string_value(path);
		int fd = from != NULL ? open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
		(void)json_array_append_new(hashes, fd >= 0 ? hash_of(fd) : json_null());
		if (fd >= 0)
			(void)close(fd);
	}
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

static json_t *look(const char *path, json_int_t size)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return json_pack("{s:s, s:b}", "is", errno == ENOENT ? "absent" : "hidden", "creatable",
			(int)can_create(path));
	json_t *answer = json_pack("{s:s, s:I, s:I, s:s}", "is", sort_of(st.st_mode), "size", (json_int_t)st.st_size,
		"modified", (json_int_t)st.st_mtim.tv_sec, "path", path);
	int fd = S_ISREG(st.st_mode) && st.st_size == size ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
	if (fd >= 0) {
		(void)json_object_set_new(answer, "hash", hash_of(fd));
		(void)close(fd);
	}
	return answer;
}

/* A library may lie in another of the usual folders here. */
static json_t *look_for_library(const char *path, json_int_t size)
{
	static const char *const folders[] = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64",
		"/lib", "/usr/lib", "/usr/local/lib"};
	struct stat st;
	const char *slash = strrchr(path, '/');
	char there[PATH_MAX], real[PATH_MAX];
	if (slash == NULL || stat(path, &st) == 0)
		return look(slash != NULL && realpath(path, real) != NULL ? real : path, size);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		(void)snprintf(there, sizeof there, "%s%.*s", folders[i], NAME_MAX + 1, slash);
		if (realpath(there, real) != NULL)
			return look(real, size);
	}
	return look(path, size);
}

int agent_do_facts(struct agent *a, const json_t *request, json_t **ret_answer)
{
	const json_t *files = json_object_get(request, "files"), *file;
	struct statvfs fs;
	struct pmig_process_row *row = NULL;
	size_t i;
	if (json_array_size(files) > FILES_MAX)
		return error_set(PMIG_EPROTOCOL, "agent: more than %d files", FILES_MAX);
	bool known = a->store->process_get(a->store, a->options->uuid, &row) >= 0;
	free(row);
	json_t *answers = json_array();
	json_array_foreach(files, i, file)
	{
		bool library = strcmp(agent_text(file, "kind"), "library") == 0;
		const char *path = agent_text(file, "path");
		(void)json_array_append_new(answers,
			(library ? look_for_library : look)(path, agent_number(file, "size", -1)));
	}
	*ret_answer = json_pack("{s:s, s:i, s:b, s:o}", "arch", machine_arch(), "level", machine_level(), "known",
		(int)known, "files", answers);
	if (fstatvfs(a->directory, &fs) == 0)
		(void)json_object_set_new(*ret_answer, "space",
			json_integer((json_int_t)fs.f_bavail * (json_int_t)fs.f_frsize));
	return 0;
}
