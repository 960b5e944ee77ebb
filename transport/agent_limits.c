/* agent_limits: what the limits files of this host say of whoever asks, and of what comes; pmig-limits(5). Nothing is asked of an agent at home:
 * only what comes over SSH is bound. Both files must allow a thing, so the user's cannot widen the system's. */
#include "agent_limits.h"
#include "hex_text.h"
#include "limits.h"

#include "runtime/base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sha256.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_FILE "/etc/pmig/limits"
#define ENVIRONMENT_MAX (1u << 20)
#define WALK_DESCRIPTORS 16
#define TYPES_MAX 64
#define PATHS_MAX 32768 /* bytes of a list of paths: what is longer would reach the program cut off */

struct files {
	struct limits *of[2]; /* the system's, the user's */
};

static void finish(struct files *f)
{
	limits_destroy(f->of[0]);
	limits_destroy(f->of[1]);
}

/* One that others can write would be theirs, not ours. */
static int load_one(const char *path, uid_t owner, struct limits **ret_limits)
{
	struct stat st;
	char *text;
	size_t size;
	if (stat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (stat(path, &st) < 0)
		return error_errno(PMIG_EREFUSED, errno, "%.1024s: limits that cannot be read allow nothing", path);
	if ((st.st_uid != owner && st.st_uid != 0) || (st.st_mode & 022) != 0)
		return error_set(PMIG_EREFUSED,
			"%.1024s: others can change these limits, so nothing is allowed; make it yours alone (chmod 600)",
			path);
	int r = io_read_file(path, LIMITS_SIZE_MAX, &text, &size);
	if (r >= 0) {
		r = limits_parse(path, text, size, ret_limits);
		free(text);
	}
	if (r >= 0)
		return 0;
	char reason[PMIG_REASON_MAX];
	(void)snprintf(reason, sizeof reason, "%s", pmig_reason());
	return error_set(PMIG_EREFUSED, "%.1500s; nothing is allowed until that is mended", reason);
}

static int load(struct files *ret_files)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char path[PATH_MAX];
	*ret_files = (struct files){0};
	int r = load_one(SYSTEM_FILE, 0, &ret_files->of[0]);
	if (xdg != NULL && *xdg == '/')
		(void)snprintf(path, sizeof path, "%s/pmig/limits", xdg);
	else
		(void)snprintf(path, sizeof path, "%s/.config/pmig/limits", home != NULL ? home : "");
	if (r >= 0)
		r = load_one(path, geteuid(), &ret_files->of[1]);
	if (r < 0)
		finish(ret_files);
	return r;
}

static int allow(const struct files *f, enum limits_field field, const char *value)
{
	int r = limits_allow(f->of[0], field, value);
	return r < 0 ? r : limits_allow(f->of[1], field, value);
}

static int allow_bytes(const struct files *f, enum limits_field field, uint64_t bytes)
{
	int r = limits_allow_bytes(f->of[0], field, bytes);
	return r < 0 ? r : limits_allow_bytes(f->of[1], field, bytes);
}

static bool has(const struct files *f, enum limits_field field)
{
	return limits_has(f->of[0], field) || limits_has(f->of[1], field);
}

/* --- who asks --- */

void agent_limits_origin(pid_t pid, char ret_from[AGENT_FROM_MAX], char ret_at[AGENT_FROM_MAX])
{
	static const char variable[] = "SSH_CONNECTION=";
	char path[64], *text = malloc(ENVIRONMENT_MAX);
	size_t size = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd >= 0 && text != NULL ? io_read_all(fd, text, ENVIRONMENT_MAX - 1, &size) : PMIG_EIO;
	if (fd >= 0)
		(void)close(fd);
	(void)snprintf(ret_from, AGENT_FROM_MAX, "%s", r < 0 ? "an unknown place" : "");
	ret_at[0] = '\0';
	for (size_t at = 0; r >= 0 && at < size; at += strnlen(text + at, size - at) + 1) {
		const char *value = text + at + sizeof variable - 1;
		if (text[size] = '\0', strncmp(text + at, variable, sizeof variable - 1) != 0)
			continue;
		(void)snprintf(ret_from, AGENT_FROM_MAX, "%.*s", (int)strcspn(value, " "), value);
		(void)sscanf(value, "%*s %*s %63s", ret_at);
	}
	free(text);
}

static bool is_home(const struct agent *a)
{
	return a->from[0] == '\0';
}

static int check_sender(const struct agent *a, const struct files *f)
{
	int r = allow(f, LIMITS_FROM, a->from);
	return r < 0 ? r : allow(f, LIMITS_SENDER, a->sender);
}

/* --- disk --- */

static _Thread_local uint64_t walked;

static int on_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path, (void)ftw;
	if (type == FTW_F || type == FTW_D)
		walked += (uint64_t)st->st_blocks * 512;
	return 0;
}

/* What lies here already; 0 where nobody wants to know. */
static uint64_t on_disk(const struct files *f)
{
	char cache[PATH_MAX];
	const char *home = getenv("HOME");
	walked = 0;
	if (!has(f, LIMITS_DISK))
		return 0;
	(void)snprintf(cache, sizeof cache, "%s/.cache/pmig", home != NULL ? home : "");
	(void)nftw(".", on_file, WALK_DESCRIPTORS, FTW_PHYS | FTW_MOUNT);
	(void)nftw(cache, on_file, WALK_DESCRIPTORS, FTW_PHYS | FTW_MOUNT);
	return walked;
}

static int check_more(const struct files *f, uint64_t there, uint64_t more)
{
	return allow_bytes(f, LIMITS_DISK, more > UINT64_MAX - there ? UINT64_MAX : there + more);
}

static int check_disk(const struct files *f, uint64_t more)
{
	return check_more(f, on_disk(f), more);
}

/* --- programs, and what is code beside them --- */

static int check_hash(const struct files *f, const char *hash)
{
	return allow(f, LIMITS_PROGRAM, hash);
}

/* What is looked at is what will run: a path that depends on where it is looked at may be another file there. */
static int check_code(const struct files *f, const char *path)
{
	char hash[SHA256_DIGEST_STRING_LENGTH];
	if (path[0] != '/')
		return error_set(PMIG_EREFUSED, "\"%.300s\" is no absolute path, and this host has limits for programs",
			path);
	if (SHA256File(path, hash) == NULL)
		return error_errno(PMIG_EIO, errno, "%.1024s", path);
	int r = check_hash(f, hash);
	return r < 0 ? error_prefix(r, "%.300s", path) : 0;
}

/* ld.so(8) takes ';' for another ':', an empty path for the working directory, and replaces what begins with '$'. */
static int check_folder(const struct files *f, const char *path)
{
	int r = 0;
	DIR *d = path[0] == '/' && strpbrk(path, ";$") == NULL ? opendir(path) : NULL;
	if (d == NULL)
		return error_set(PMIG_EREFUSED,
			"\"%.300s\" is no directory of libraries here, and this host has limits for programs", path);
	for (struct dirent *e; r >= 0 && (e = readdir(d)) != NULL;) {
		char file[PATH_MAX];
		int n = snprintf(file, sizeof file, "%s/%s", path, e->d_name);
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = n < (int)sizeof file ? check_code(f, file) : error_set(PMIG_EINVAL, "%.200s: too long", path);
	}
	(void)closedir(d);
	return r;
}

/* `paths` with `separator` between them. */
static int check_each(const struct files *f, const char *paths, char separator,
	int (*check)(const struct files *f, const char *path))
{
	int r = 0;
	if (strlen(paths) > PATHS_MAX)
		return error_set(PMIG_EINVAL, "agent: too many paths");
	for (bool more = *paths != '\0'; r >= 0 && more;) {
		const char *end = strchrnul(paths, separator);
		char path[PATH_MAX];
		if (end - paths >= PATH_MAX)
			return error_set(PMIG_EINVAL, "agent: too long a path");
		(void)snprintf(path, sizeof path, "%.*s", (int)(end - paths), paths);
		r = check(f, path);
		more = *end != '\0';
		paths = end + 1;
	}
	return r;
}

/* What may make the program run something else than itself, as it is in `request`. */
static int check_program(const struct files *f, const json_t *request, const char *folders, const char *kinds)
{
	if (!has(f, LIMITS_PROGRAM))
		return 0;
	int r = check_code(f, agent_text(request, "path"));
	if (r >= 0)
		r = check_each(f, folders, ':', check_folder);
	return r >= 0 ? check_each(f, kinds, '\n', check_code) : r;
}

static int check_environment(const struct files *f, const json_t *request)
{
	static const char *const loads[] = {"LD_", "GCONV_PATH="};
	const json_t *variable;
	size_t i;
	json_array_foreach(json_object_get(request, "environment"), i, variable)
	{
		const char *text = json_string_value(variable), *value = text != NULL ? strchr(text, '=') : NULL;
		for (size_t j = 0; has(f, LIMITS_PROGRAM) && value != NULL && j < sizeof loads / sizeof *loads; j++)
			if (strncmp(text, loads[j], strlen(loads[j])) == 0 && value[1] != '\0')
				return error_set(PMIG_EREFUSED,
					"%.*s in the environment could load what is not allowed here; start it without",
					(int)(value - text < 64 ? value - text : 64), text);
	}
	return 0;
}

/* --- when it is asked --- */

bool agent_limits_hashes(const struct agent *a)
{
	struct files f;
	if (is_home(a) || load(&f) < 0)
		return false;
	bool wanted = has(&f, LIMITS_PROGRAM);
	finish(&f);
	return wanted;
}

/* What is checked of `what` once the files are known. */
typedef int check_fn(const struct agent *a, const struct files *f, const void *what);

static int ask(const struct agent *a, check_fn *check, const void *what)
{
	struct files f;
	int r = is_home(a) ? 1 : load(&f);
	if (r != 0)
		return r < 0 ? r : 0;
	r = check(a, &f, what);
	finish(&f);
	return r;
}

static int check_facts(const struct agent *a, const struct files *f, const void *what)
{
	const json_t *request = what, *type;
	size_t i;
	int64_t image = agent_number(request, "image", 0);
	int r = check_sender(a, f);
	if (r >= 0)
		r = allow_bytes(f, LIMITS_MEMORY, image > 0 ? (uint64_t)image : 0);
	if (r >= 0)
		r = check_disk(f, image > 0 ? (uint64_t)image : 0);
	json_array_foreach(json_object_get(request, "types"), i, type)
	{
		const char *text = agent_text(type, "type");
		if (r >= 0 && i < TYPES_MAX && strncmp(text, "listen ", 7) == 0)
			r = allow(f, LIMITS_ADDRESS, text + 7);
	}
	return r;
}

int agent_limits_facts(const struct agent *a, const json_t *request)
{
	return ask(a, check_facts, request);
}

static int check_receive(const struct agent *a, const struct files *f, const void *what)
{
	const json_t *request = what;
	int64_t size = agent_number(request, "size", 0);
	int r = check_sender(a, f);
	if (r >= 0 && !json_is_true(json_object_get(request, "data")))
		r = check_hash(f, agent_text(request, "sha256"));
	if (r >= 0)
		r = check_disk(f, size > 0 ? (uint64_t)size : 0);
	return r < 0 ? error_prefix(r, "%.200s", agent_text(request, "name")) : 0;
}

int agent_limits_receive(const struct agent *a, const json_t *request)
{
	return ask(a, check_receive, request);
}

struct offer {
	uint64_t size, *room;
};

static int check_offer(const struct agent *a, const struct files *f, const void *what)
{
	const struct offer *o = what;
	int r = check_sender(a, f);
	if (r < 0)
		return r;
	uint64_t there = on_disk(f);
	r = check_more(f, there, o->size == BULK_SIZE_UNKNOWN ? 0 : o->size);
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		uint64_t most = limits_bytes(f->of[i], LIMITS_DISK), room = most > there ? most - there : 0;
		if (room < *o->room)
			*o->room = room;
	}
	return r;
}

int agent_limits_offer(const struct agent *a, uint64_t size, uint64_t *ret_room)
{
	*ret_room = UINT64_MAX;
	return ask(a, check_offer, &(struct offer){.size = size, .room = ret_room});
}

static int check_restore(const struct agent *a, const struct files *f, const void *what)
{
	struct stat st;
	int r = check_sender(a, f);
	if (r >= 0 && stat(a->image, &st) == 0)
		r = allow_bytes(f, LIMITS_MEMORY, (uint64_t)st.st_blocks * 512);
	return r < 0 ? r : check_program(f, what, agent_text(what, "library_path"), agent_text(what, "kinds"));
}

int agent_limits_restore(const struct agent *a, const json_t *request)
{
	return ask(a, check_restore, request);
}

static int check_start(const struct agent *a, const struct files *f, const void *what)
{
	int r = check_sender(a, f);
	if (r >= 0)
		r = check_program(f, what, agent_text(what, "library_path"), agent_text(what, "kinds"));
	return r < 0 ? r : check_environment(f, what);
}

int agent_limits_start(const struct agent *a, const json_t *request)
{
	return ask(a, check_start, request);
}

static int check_libraries(const struct agent *a, const struct files *f, const void *what)
{
	int r = check_sender(a, f);
	return r < 0 ? r : check_program(f, what, agent_text(what, "search"), "");
}

int agent_limits_libraries(const struct agent *a, const json_t *request)
{
	return ask(a, check_libraries, request);
}

int agent_limits_restored(struct agent *a)
{
	struct files f;
	json_t *found = NULL;
	const json_t *address;
	size_t i;
	int r = is_home(a) ? 1 : load(&f);
	if (r != 0)
		return r < 0 ? r : 0;
	if (has(&f, LIMITS_ADDRESS))
		r = agent_do_addresses(a, NULL, &found);
	json_array_foreach(json_object_get(found, "addresses"), i, address)
	{
		char text[PMIG_NAME_MAX];
		if (r >= 0 && hex_text_get(address, text, sizeof text))
			r = allow(&f, LIMITS_ADDRESS, text);
	}
	json_decref(found);
	finish(&f);
	return r;
}
