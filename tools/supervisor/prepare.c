/* prepare: the program, the libraries that the target lacks, and data that is sent ahead go into its cache by content; what is there
 * already, under whatever name, costs one question. */
#include "prepare.h"
#include "job.h"
#include "kinds.h"
#include "transport/agent.h"
#include "transport/cache.h"
#include "transport/library.h"

#include <errno.h>
#include <fcntl.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS_MAX 16 /* libraries of libraries of ... */

struct prepare {
	struct prepare_options o; /* its strings are borrowed */
	char path[PATH_MAX], library_path[PATH_MAX];
	struct job *job;
	struct library_list here; /* what the program uses on this host */
	int program;
	bool says_sha256;
	char program_path[PATH_MAX];

	int fd; /* of the file that is offered */
	char name[NAME_MAX + 1], hash[CACHE_HASH];
	char sha256[SHA256_DIGEST_STRING_LENGTH]; /* for the limits of the target, where it asks; "" */
	struct bulk_send *send;
	uint16_t stream;

	json_t *missing; /* names, still to be sent */
	size_t next;
	int rounds;
	bool libraries_done;
	size_t kinds_next;
	char *kinds; /* where they are there */
	size_t data_next;
};

static void offer(struct prepare *p);

static void fail(struct prepare *p, int code)
{
	p->o.done(p->o.context, code); /* destroys p */
}

static void next_kind(struct prepare *p);
static void next_data(struct prepare *p);

static void finish(struct prepare *p)
{
	p->libraries_done = true;
	next_kind(p);
}

void prepare_destroy(struct prepare *p)
{
	if (p == NULL)
		return;
	remote_forget(p->o.target, p);
	job_abandon(p->job);
	bulk_send_destroy(p->send);
	if (p->fd >= 0)
		(void)close(p->fd);
	library_list_finish(&p->here);
	json_decref(p->missing);
	free(p->kinds);
	free(p);
}

const char *prepare_path(const struct prepare *p)
{
	return p->path;
}

const char *prepare_library_path(const struct prepare *p)
{
	return p->library_path;
}

const char *prepare_kinds(const struct prepare *p)
{
	return p->kinds != NULL ? p->kinds : "";
}

/* --- in a thread: what the program needs, and the hash of the file that is next --- */

static int hash_file(void *context)
{
	struct prepare *p = context;
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", p->fd);
	p->sha256[0] = '\0';
	if (p->says_sha256 && SHA256File(path, p->sha256) == NULL)
		return error_errno(PMIG_EIO, errno, "%.255s", p->name);
	return cache_hash(p->fd, p->hash);
}

static int list_here(void *context)
{
	struct prepare *p = context;
	const char *search = getenv("LD_LIBRARY_PATH");
	int r = library_list_get(p->program_path, search != NULL ? search : "", &p->here);
	return r < 0 ? r : hash_file(p);
}

static void on_hashed(void *context, int result)
{
	struct prepare *p = context;
	p->job = NULL;
	if (result < 0)
		fail(p, result);
	else
		offer(p);
}

static void start_file(struct prepare *p, int fd, const char *name, int (*work)(void *context))
{
	p->fd = fd;
	(void)snprintf(p->name, sizeof p->name, "%.*s", NAME_MAX, name);
	int r = fd < 0 ? error_errno(PMIG_EIO, errno, "%s", name) : job_start(p->o.loop, work, on_hashed, p, &p->job);
	if (r < 0)
		fail(p, r);
}

/* --- libraries --- */

static void ask_libraries(struct prepare *p);

static const char *path_here(const struct prepare *p, const char *name)
{
	for (size_t i = 0; i < p->here.count; i++)
		if (strcmp(p->here.libraries[i].name, name) == 0 && p->here.libraries[i].path[0] != '\0')
			return p->here.libraries[i].path;
	return NULL;
}

static void next_library(struct prepare *p)
{
	if (p->next == json_array_size(p->missing)) {
		ask_libraries(p); /* what was sent may need more */
		return;
	}
	const char *name = json_string_value(json_array_get(p->missing, p->next++));
	const char *path = name != NULL ? path_here(p, name) : NULL;
	if (path == NULL || strchr(name, '/') != NULL) {
		fail(p,
			error_set(PMIG_EREFUSED, "%s has no %s, which %s needs, and neither has this host",
				remote_label(p->o.target), name != NULL ? name : "library", p->o.name));
		return;
	}
	start_file(p, open(path, O_RDONLY | O_CLOEXEC), name, hash_file);
}

static void on_libraries(void *context, int code, const json_t *answer)
{
	struct prepare *p = context;
	if (code < 0) {
		fail(p, code);
		return;
	}
	const char *problem = json_string_value(json_object_get(answer, "problem"));
	const json_t *missing = json_object_get(answer, "missing");
	if (json_array_size(missing) == 0 && problem != NULL && *problem != '\0') {
		fail(p,
			error_set(PMIG_EREFUSED, "%s cannot run %s: its libraries are older: %s", remote_label(p->o.target),
				p->o.name, problem));
		return;
	}
	if (json_array_size(missing) == 0) {
		finish(p);
		return;
	}
	if (++p->rounds > ROUNDS_MAX) {
		fail(p,
			error_set(PMIG_EREFUSED, "%s still does not find %s", remote_label(p->o.target),
				json_string_value(json_array_get(missing, 0))));
		return;
	}
	json_decref(p->missing);
	p->missing = json_deep_copy(missing);
	p->next = 0;
	next_library(p);
}

static void ask_libraries(struct prepare *p)
{
	remote_request(p->o.target, "libraries", json_pack("{s:s, s:s}", "path", p->path, "search", p->library_path),
		on_libraries, p);
}

/* --- kinds of resources --- */

static bool has_kinds(const struct prepare *p)
{
	char path[PATH_MAX];
	return p->libraries_done && kinds_path(p->o.kinds, p->kinds_next, path);
}

static void next_kind(struct prepare *p)
{
	char path[PATH_MAX];
	int r = 0;
	while (remote_is_local(p->o.target) && r >= 0 && kinds_path(p->o.kinds, p->kinds_next, path))
		r = (p->kinds_next++, kinds_add(&p->kinds, path));
	if (r < 0) {
		fail(p, r);
	} else if (kinds_path(p->o.kinds, p->kinds_next, path)) {
		const char *slash = strrchr(path, '/');
		start_file(p, open(path, O_RDONLY | O_CLOEXEC), slash != NULL ? slash + 1 : path, hash_file);
	} else {
		next_data(p);
	}
}

/* --- data --- */

#define DATA_NAME "data" /* in the cache, whatever it is called */

static void next_data(struct prepare *p)
{
	while (p->data_next < p->o.data_count) {
		int fd = p->o.data_open(p->o.context, p->data_next);
		if (fd == PREPARE_LATER)
			return;
		if (fd >= 0) {
			start_file(p, fd, DATA_NAME, hash_file);
			return;
		}
		p->data_next++;
	}
	p->o.done(p->o.context, 0);
}

void prepare_data(struct prepare *p, int fd)
{
	if (fd >= 0) {
		start_file(p, fd, DATA_NAME, hash_file);
		return;
	}
	p->data_next++;
	next_data(p);
}

/* --- one file --- */

static int add_directory(struct prepare *p, const char *path)
{
	size_t length = strlen(p->library_path);
	size_t directory = (size_t)(strrchr(path, '/') - path);
	if (length + directory + 2 > sizeof p->library_path)
		return error_set(PMIG_EREFUSED, "%s lacks too many libraries", remote_label(p->o.target));
	(void)snprintf(p->library_path + length, sizeof p->library_path - length, "%s%.*s", length > 0 ? ":" : "",
		(int)directory, path);
	return 0;
}

static void in_place(struct prepare *p, const char *path)
{
	bool program = p->path[0] == '\0';
	bulk_send_destroy(p->send);
	p->send = NULL;
	(void)close(p->fd);
	p->fd = -1;
	int r = 0;
	if (has_kinds(p)) {
		p->kinds_next++;
		r = kinds_add(&p->kinds, path);
		if (r < 0)
			fail(p, r);
		else
			next_kind(p);
		return;
	}
	if (p->libraries_done) {
		p->o.data_done(p->o.context, p->data_next++, p->hash, path);
		next_data(p);
		return;
	}
	if (program)
		(void)snprintf(p->path, sizeof p->path, "%s", path);
	else
		r = add_directory(p, path);
	if (r < 0)
		fail(p, r);
	else if (program)
		ask_libraries(p);
	else
		next_library(p);
}

static void on_receive(void *context, int code, const json_t *answer)
{
	struct prepare *p = context;
	const char *path = json_string_value(json_object_get(answer, "path"));
	if (code < 0) {
		fail(p, code);
		return;
	}
	if (path != NULL && path[0] == '/') {
		in_place(p, path);
		return;
	}
	if (p->send != NULL) {
		if (p->libraries_done &&
			!has_kinds(p)) { /* it was changed while it was sent: then it travels at the freeze, as it is then */
			bulk_send_destroy(p->send);
			p->send = NULL;
			(void)close(p->fd);
			p->fd = -1;
			p->data_next++;
			next_data(p);
			return;
		}
		fail(p, error_set(PMIG_ECORRUPT, "%s arrived at %s damaged", p->name, remote_label(p->o.target)));
		return;
	}
	struct peer *peer = remote_peer(p->o.target);
	int r = bulk_send_create(&(struct bulk_send_options){.fd = p->fd,
					 .name = p->name,
					 .kind = "file",
					 .writer = peer_writer(peer),
					 .stream = p->stream},
		&p->send);
	if (r < 0)
		fail(p, r);
	else
		peer_kick(peer);
}

static void offer(struct prepare *p)
{
	struct stat st;
	bool program = p->path[0] == '\0';
	if (p->send == NULL)
		p->stream++;
	json_int_t size = fstat(p->fd, &st) == 0 ? (json_int_t)st.st_size : -1;
	if (p->o.tell != NULL && size >= 0)
		p->o.tell(p->o.context, json_pack("{s:s, s:s, s:I}", "phase", "prepare", "file", p->name, "size", size));
	remote_request(p->o.target, "receive",
		json_pack("{s:s, s:s, s:s, s:i, s:i, s:I, s:b, s:b}", "hash", p->hash, "sha256", p->sha256, "name", p->name,
			"stream", (int)p->stream, "mode", program ? 0700 : 0600, "size", size, "library",
			(int)(!program && !p->libraries_done), "data", (int)(p->libraries_done && !has_kinds(p))),
		on_receive, p);
}

bool prepare_packet(struct prepare *p, const struct remote *r, const struct packet *k)
{
	if (r != p->o.target || p->send == NULL || k->stream != p->stream)
		return false;
	int rc = bulk_send_packet(p->send, k);
	if (rc < 0)
		fail(p, error_prefix(rc, "%s", remote_label(p->o.target)));
	else if (rc == 1)
		offer(p); /* now it must be there */
	else
		prepare_pump(p);
	return true;
}

void prepare_lost(struct prepare *p, int code)
{
	if (p->send != NULL)
		fail(p, code);
}

void prepare_pump(struct prepare *p)
{
	struct peer *peer = remote_peer(p->o.target);
	if (p->send == NULL || peer == NULL)
		return;
	int r = bulk_send_pump(p->send);
	peer_kick(peer);
	if (r < 0)
		fail(p, r);
}

int prepare_create(const struct prepare_options *o, struct prepare **ret_prepare)
{
	struct prepare *p = calloc(1, sizeof *p);
	if (p == NULL)
		return error_set(PMIG_ENOMEM, "out of memory");
	*p = (struct prepare){.o = *o, .fd = -1, .stream = AGENT_BULK + 16};
	*ret_prepare = p;
	return 0;
}

void prepare_begin(struct prepare *p)
{
	if (remote_is_local(p->o.target)) { /* the same files */
		(void)snprintf(p->path, sizeof p->path, "%s", p->o.path);
		finish(p);
		return;
	}
	(void)snprintf(p->program_path, sizeof p->program_path, "/proc/%d/fd/%d", (int)getpid(), p->o.program);
	const char *slash = strrchr(p->o.path, '/');
	p->says_sha256 = json_is_true(json_object_get(remote_facts(p->o.target), "hashes"));
	start_file(p, fcntl(p->o.program, F_DUPFD_CLOEXEC, 3), slash != NULL ? slash + 1 : p->o.path, list_here);
}
