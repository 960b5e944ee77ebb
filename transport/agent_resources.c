/* agent_resources: what the program uses: declared, as the store has it, and found, as /proc shows it. What it means is
 * decided elsewhere; for what is found without a declaration the situation is told, by its name in registry/tbl/default.h. */
#include "agent_accept.h"
#include "agent_parts.h"
#include "agent_service.h"
#include "agent_socket.h"
#include "build_id.h"
#include "hex_text.h"
#include "open_file.h"
#include "runtime/base/child.h"
#include "runtime/base/uncarried.h"
#include "socket_name.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Slots of what is found, beyond those of declarations. */
#define SLOT_DESCRIPTOR (1 << 24)
#define SLOT_LIBRARY (1 << 25)
#define SLOT_MEMORY (1 << 26)

/* Bytes, about, of one answer: a packet has room for twice as much. */
#define PAGE_BYTES (PACKET_JSON_MAX / 2)

#define PRIVATE_FROM 900 /* the runtime's own descriptors: control channel, image, libunwind's pipe */

struct found {
	struct agent *agent;
	char temporary[PATH_MAX]; /* the program's TMPDIR; "": none */
	const json_t *declared;
	json_t **by_number;      /* declarations by their descriptor, the lowest number of an open file; */
	json_t *others;          /* the rest of them */
	const json_t *elsewhere; /* what other programs declared: {process, locator} */
	json_t *rows;
};

struct meaning {
	const char *kind, *situation;
};

/* --- what a descriptor leads to: the same questions in the same order as runtime/tbl/kind.h asks them --- */

static bool below(const char *path, const char *directory)
{
	size_t n = strlen(directory);
	while (n > 0 && directory[n - 1] == '/')
		n--;
	return n > 0 && strncmp(path, directory, n) == 0 && path[n] == '/';
}

/* Files that are a view of this machine's kernel. */
static bool of_kernel(const struct found *s, int fd)
{
	static const unsigned long magics[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC};
	char path[64];
	struct statfs fs;
	(void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)s->agent->pid, fd);
	for (size_t i = 0; statfs(path, &fs) == 0 && i < sizeof magics / sizeof *magics; i++)
		if ((unsigned long)fs.f_type == magics[i])
			return true;
	return false;
}

static bool writes(const struct open_file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

static struct meaning file(const struct found *s, const struct open_file *f)
{
	if (of_kernel(s, f->fd))
		return (struct meaning){"file", "DEVICE"};
	if (!writes(f))
		return (struct meaning){"file", "FILE_READ"};
	bool passing = f->st.st_nlink == 0 || below(f->link, P_tmpdir) || below(f->link, "/var/tmp") ||
		below(f->link, s->temporary);
	return (struct meaning){"file", passing ? "FILE_TEMPORARY" : "FILE_WRITTEN"};
}

static bool is_common(const struct stat *st)
{
	unsigned x = major(st->st_rdev), y = minor(st->st_rdev);
	return S_ISCHR(st->st_mode) && ((x == 1 && (y == 3 || y == 5 || (y >= 7 && y <= 9))) || (x == 5 && y == 0));
}

static bool is_standard(const struct found *s, const struct open_file *f)
{
	return s->agent->io != NULL && agent_stdio_which(s->agent->io, &f->st) >= 0;
}

static bool is_pipe(const struct open_file *f)
{
	return S_ISFIFO(f->st.st_mode);
}

static struct meaning socket_meaning(const struct found *s, const struct open_file *f)
{
	static const struct meaning all[] = {[AGENT_SOCKET_LISTENER] = {"listener", "LISTENER"},
		[AGENT_SOCKET_ALONE] = {"listener", "ALONE"},
		[AGENT_SOCKET_DATAGRAM] = {"datagram", "DATAGRAM"},
		[AGENT_SOCKET_NEW_DATAGRAM] = {"datagram", "ALONE"},
		[AGENT_SOCKET_WITHIN] = {"socketpair", "WITHIN"},
		[AGENT_SOCKET_SHARED] = {"socketpair", "PIPE_OUTSIDE"},
		[AGENT_SOCKET_CONNECTED] = {"socket", "SOCKET"},
		[AGENT_SOCKET_OTHER] = {"other", "DEVICE"}};
	return all[agent_socket_sort(s->agent->pid, f)];
}

static struct meaning meaning_of(const struct found *s, const struct open_file *f)
{
	if (is_standard(s, f))
		return (struct meaning){"standard", "STANDARD_STREAM"};
	if ((f->flags & O_PATH) != 0 && strncmp(f->link, "/memfd:pmig-nothing ", 20) == 0)
		return (struct meaning){"nothing", "WITHIN"}; /* runtime/kind/nothing.c */
	if (is_pipe(f))
		return (struct meaning){"pipe", f->sharers > 0 || f->link[0] == '/' ? "PIPE_OUTSIDE" : "WITHIN"};
	if (agent_memory_is(f))
		return (struct meaning){"memory", agent_memory_situation(f)};
	if (S_ISDIR(f->st.st_mode) && uncarried_words(f->link) == NULL)
		return (struct meaning){"directory", "DIRECTORY"};
	if (S_ISREG(f->st.st_mode) && (f->flags & O_PATH) == 0 && uncarried_words(f->link) == NULL)
		return file(s, f);
	if (S_ISCHR(f->st.st_mode) || S_ISBLK(f->st.st_mode))
		return (struct meaning){"device", is_common(&f->st) ? "COMMON_DEVICE" : "DEVICE"};
	if (S_ISSOCK(f->st.st_mode))
		return socket_meaning(s, f);
	if (strcmp(f->link, "anon_inode:[eventpoll]") == 0)
		return (struct meaning){"epoll", "WITHIN"};
	static const char *const within[] = {"eventfd", "timerfd", "signalfd"};
	for (size_t i = 0; i < sizeof within / sizeof *within; i++)
		if (strncmp(f->link, "anon_inode:[", 12) == 0 && strncmp(f->link + 12, within[i], strlen(within[i])) == 0)
			return (struct meaning){within[i], "WITHIN"};
	return (struct meaning){"other", "DEVICE"};
}

#define BELOW_A_SITE "/memfd:pmig-reference-0 " /* reference/descriptors.h: without a reference of its own */

static bool is_private(const struct found *s, const struct open_file *f)
{
	const char *state = s->agent->options->state;
	size_t n = strlen(state);
	if (strncmp(f->link, state, n) == 0 && strncmp(f->link + n, "/image/", 7) == 0)
		return true;
	if (strncmp(f->link, BELOW_A_SITE, sizeof BELOW_A_SITE - 1) == 0)
		return true; /* goes with its site, or is seen to at the freeze */
	return f->fd >= PRIVATE_FROM && (S_ISSOCK(f->st.st_mode) || is_pipe(f));
}

/* --- rows --- */

static const char *value(const char *may_be_null)
{
	return may_be_null != NULL ? may_be_null : "";
}

static json_t *row_json(const struct pmig_resource_row *row)
{
	return json_pack("{s:I, s:o, s:s, s:o, s:i, s:i, s:o, s:i, s:i, s:b, s:b, s:I, s:I, s:i, s:o}", "slot",
		(json_int_t)row->slot, "name", hex_text_json(row->name), "kind", row->kind, "locator",
		hex_text_json(row->locator), "binding", (int)row->binding, "attachment", (int)row->attachment, "type",
		hex_text_json(value(row->type)), "strategy", (int)row->strategy, "consent", (int)row->consent, "shared",
		(int)row->shared, "secret", (int)row->secret, "rate", (json_int_t)row->rate, "size", (json_int_t)row->size,
		"origin", (int)row->origin, "opened", hex_text_json(value(row->opened)));
}

static int gather(void *context, const struct pmig_resource_row *row)
{
	return json_array_append_new(context, row_json(row));
}

static void set(json_t *row, const char *key, json_t *to)
{
	(void)json_object_set_new(row, key, to);
}

/* How it is called in sentences. */
static void name_of(const struct found *s, const struct open_file *f, char ret_name[PMIG_NAME_MAX + 1])
{
	static const char *const streams[] = {"standard input", "standard output", "standard error"};
	const char *slash = strrchr(f->link, '/');
	if (f->fd >= 0 && is_standard(s, f))
		(void)snprintf(ret_name, PMIG_NAME_MAX + 1, "%s",
			S_ISCHR(f->st.st_mode) ? "terminal" : streams[agent_stdio_which(s->agent->io, &f->st)]);
	else if (f->fd >= 0 && S_ISSOCK(f->st.st_mode) && strncmp(f->link, "socket:[", 8) == 0)
		socket_name_get(s->agent->pid, f->st.st_ino, ret_name, PMIG_NAME_MAX + 1);
	else if (f->link[0] != '/' && !S_ISSOCK(f->st.st_mode))
		(void)snprintf(ret_name, PMIG_NAME_MAX + 1, "%.200s (descriptor %d)", f->link, f->fd);
	else
		(void)snprintf(ret_name, PMIG_NAME_MAX + 1, "%.*s", PMIG_NAME_MAX,
			strlen(f->link) > PMIG_NAME_MAX ? slash + 1 : f->link);
}

/* Many may be declared: each is to be found without a look at all others. */
static int sort_declared(struct found *s, const struct open_file *files, size_t count)
{
	size_t i;
	json_t *row, *seen = json_true();
	s->by_number = calloc(OPEN_FILE_MAX, sizeof *s->by_number);
	s->others = json_array();
	if (s->by_number == NULL || s->others == NULL)
		return error_set(PMIG_ENOMEM, "agent: out of memory");
	for (i = 0; i < count; i++)
		if (files[i].fd >= 0 && files[i].fd < OPEN_FILE_MAX)
			s->by_number[files[i].fd] = seen;
	json_array_foreach(s->declared, i, row)
	{
		int fd = agent_declared_descriptor(s->agent, agent_number(row, "slot", -1));
		if (fd >= 0 && fd < OPEN_FILE_MAX && s->by_number[fd] == seen)
			s->by_number[fd] = row;
		else
			(void)json_array_append(s->others, row);
	}
	return 0;
}

static bool is_declaration_of(const struct found *s, const struct open_file *f, const char *kind, const json_t *row)
{
	char locator[PATH_MAX];
	if (!json_is_object(row) || !hex_text_get(json_object_get(row, "locator"), locator, sizeof locator))
		return false;
	size_t n = strlen(locator);
	int said = agent_declared_descriptor(s->agent, agent_number(row, "slot", -1));
	return n > 0 && strncmp(f->link, locator, n) == 0 &&
		(f->link[n] == '\0' || strcmp(f->link + n, " (deleted)") == 0) &&
		(said < 0 || said == f->fd || agent_declared_same(s->agent, said, f->fd)) &&
		agent_number(row, "origin", 0) != PMIG_AT_FILE_SCOPE && json_object_get(row, "fd") == NULL &&
		(strcmp(agent_text(row, "kind"), kind) == 0 || agent_declared_brought(s->agent, agent_text(row, "kind")));
}

/* The declaration made at run time for just this thing. */
static json_t *declaration_of(const struct found *s, const struct open_file *f, const char *kind)
{
	size_t i;
	json_t *row = f->fd >= 0 && f->fd < OPEN_FILE_MAX ? s->by_number[f->fd] : NULL;
	if (is_declaration_of(s, f, kind, row))
		return json_incref(row);
	json_array_foreach(s->others, i, row) if (is_declaration_of(s, f, kind, row)) return json_incref(row);
	return NULL;
}

/* A copy of the declaration at file scope that matches. */
static json_t *match_of(const struct found *s, const struct open_file *f, const char *kind)
{
	size_t i;
	json_t *row;
	json_array_foreach(s->others, i, row)
	{
		const char *of = agent_text(row, "kind");
		char pattern[PATH_MAX];
		if (agent_number(row, "origin", 0) == PMIG_AT_FILE_SCOPE &&
			(strcmp(of, "any") == 0 || strcmp(of, kind) == 0) &&
			hex_text_get(json_object_get(row, "locator"), pattern, sizeof pattern) &&
			fnmatch(pattern, f->link, 0) == 0)
			return json_deep_copy(row);
	}
	return NULL;
}

static json_t *undeclared(const struct found *s, const struct open_file *f, const struct meaning *m, int64_t slot)
{
	char name[PMIG_NAME_MAX + 1];
	name_of(s, f, name);
	json_t *row = row_json(&(struct pmig_resource_row){
		.slot = slot, .name = name, .kind = m->kind, .locator = f->link, .origin = PMIG_UNDECLARED});
	set(row, "situation", json_string(m->situation));
	return row;
}

/* A descriptor that stands for a thing at another host, as the program said: that thing is what the plan is about. */
static const json_t *referred_as(const struct found *s, int64_t device, int64_t inode)
{
	size_t i;
	const json_t *r;
	json_array_foreach(s->agent->refers, i, r)
	{
		if (agent_number(r, "device", -1) == device && agent_number(r, "inode", -1) == inode)
			return r;
	}
	return NULL;
}

static const json_t *referred(const struct found *s, const struct open_file *f)
{
	return referred_as(s, (int64_t)f->st.st_dev, (int64_t)f->st.st_ino);
}

static void add_shared(const struct found *s, const struct open_file *f, json_t *row)
{
	if (!f->look)
		return;
	set(row, "sharers", json_integer(f->sharers));
	if (f->sharers > 0)
		set(row, "shared_by", hex_text_json(f->shared_by));
	if (f->sharers == 0 && S_ISREG(f->st.st_mode) && f->st.st_nlink > 1 && writes(f)) {
		set(row, "sharers", json_integer(1)); /* under another name nobody would see what is written */
		set(row, "shared_by", json_string("whoever knows its other name (a hard link)"));
	}
	agent_elsewhere_add(s->elsewhere, f->link, row);
}

static bool is_of_descriptors(const char *kind)
{
	static const char *const kinds[] = {"standard", "nothing", "pipe", "directory", "file", "device", "listener",
		"datagram", "socketpair", "socket", "eventfd", "epoll", "timerfd", "signalfd", "other"};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kind, kinds[i]) == 0)
			return true;
	return false;
}

/* The file of a declared handle, or one that its library keeps beside it: the kind sees to it. */
static bool is_of_handle(const struct found *s, const struct open_file *f)
{
	static const char *const beside[] = {"", "-wal", "-shm", "-journal"};
	size_t i;
	json_t *row;
	char locator[PATH_MAX];
	json_array_foreach(s->others, i, row)
	{
		if (agent_number(row, "origin", 0) == PMIG_AT_FILE_SCOPE || is_of_descriptors(agent_text(row, "kind")) ||
			agent_declared_descriptor(s->agent, agent_number(row, "slot", -1)) >= 0 ||
			!hex_text_get(json_object_get(row, "locator"), locator, sizeof locator) || locator[0] != '/')
			continue;
		size_t n = strlen(locator);
		for (size_t k = 0; strncmp(f->link, locator, n) == 0 && k < sizeof beside / sizeof *beside; k++)
			if (strcmp(f->link + n, beside[k]) == 0)
				return true;
	}
	return false;
}

static void add_identity(const struct open_file *f, json_t *row)
{
	set(row, "fd", json_integer(f->fd));
	set(row, "device", json_integer((json_int_t)f->st.st_dev));
	set(row, "inode", json_integer((json_int_t)f->st.st_ino));
}

static void add_descriptor(struct found *s, const struct open_file *found)
{
	struct open_file f = *found;
	struct meaning m = meaning_of(s, &f);
	const json_t *refers = referred(s, &f);
	char there[PATH_MAX];
	if (refers != NULL && hex_text_get(json_object_get(refers, "locator"), there, sizeof there)) {
		m = (struct meaning){agent_text(refers, "kind"), "DEVICE"};
		f.link = there;
	}
	json_t *row = declaration_of(s, &f, m.kind);
	if (row == NULL)
		row = agent_memory_declared(s->agent, s->declared, &f);
	if (row == NULL && (row = match_of(s, &f, m.kind)) != NULL) {
		char name[PMIG_NAME_MAX + 1];
		name_of(s, &f, name);
		if (strcmp(agent_text(row, "name"), agent_text(row, "locator")) == 0)
			set(row, "name", hex_text_json(name)); /* the declaration gave none */
		agent_declared_note(s->agent, row);            /* by the slot of the declaration */
		set(row, "kind", json_string(m.kind));
		set(row, "locator", hex_text_json(f.link));
		set(row, "slot", json_integer(SLOT_DESCRIPTOR + f.fd));
	}
	if (row == NULL)
		row = undeclared(s, &f, &m, SLOT_DESCRIPTOR + f.fd);
	if (S_ISSOCK(f.st.st_mode) && agent_service_has(s->agent, s->declared, row)) {
		json_decref(row); /* the hook of its declaration closes it; if it is open at the freeze, that is refused */
		return;
	}
	add_identity(found, row);
	if (refers != NULL) {
		set(row, "reference", json_incref(json_object_get(refers, "id")));
		set(row, "at", json_incref(json_object_get(refers, "at")));
	} else {
		if (S_ISREG(f.st.st_mode))
			set(row, "found_size", json_integer(f.st.st_size));
		if (S_ISDIR(f.st.st_mode) && agent_number(row, "origin", 0) != PMIG_UNDECLARED)
			agent_tree_note(f.link, row);
		add_shared(s, &f, row);
	}
	if (strcmp(m.kind, "listener") == 0 && refers != NULL)
		set(row, "listens", json_incref(json_object_get(refers, "locator")));
	else if (strcmp(m.kind, "listener") == 0 || (strcmp(m.kind, "datagram") == 0 && refers == NULL))
		agent_socket_add(s->agent->pid, found, row);
	agent_rates_add(s->agent, found, row);
	set(row, "writes", json_boolean(writes(&f)));
	set(row, "named", json_boolean(refers == NULL && f.st.st_nlink > 0 && f.link[0] == '/'));
	(void)json_array_append_new(s->rows, row);
}

static int find_descriptors(struct found *s)
{
	struct open_file *files;
	size_t count;
	int r = open_file_list(s->agent->pid, &files, &count);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		struct open_file *f = &files[i];
		f->writing = S_ISREG(f->st.st_mode) && !writes(f); /* what is only read is disturbed by writers alone */
		f->look = !is_private(s, f) && !is_standard(s, f) &&
			(is_pipe(f) || S_ISREG(f->st.st_mode) || S_ISSOCK(f->st.st_mode));
	}
	open_file_share(s->agent->pid, files, count);
	agent_rates_look(s->agent, files, count);
	r = sort_declared(s, files, count);
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (!is_private(s, &files[i]) && !is_of_handle(s, &files[i]))
			add_descriptor(s, &files[i]);
	open_file_free(files, count);
	return r < 0 ? r : 0;
}

static int find_maps(struct found *s)
{
	struct open_file *files;
	size_t count;
	int r = open_file_maps(s->agent->pid, false, &files, &count);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		json_t *row = undeclared(s, &files[i], &(struct meaning){"library", "LIBRARY"}, SLOT_LIBRARY + (int64_t)i);
		set(row, "found_size", json_integer(files[i].st.st_size));
		char id[BUILD_ID_MAX];
		int fd = open(files[i].link, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && build_id_get(fd, id) >= 0)
			set(row, "build_id", json_string(id));
		if (fd >= 0)
			(void)close(fd);
		(void)json_array_append_new(s->rows, row);
	}
	if (r >= 0) {
		open_file_free(files, count);
		r = open_file_maps(s->agent->pid, true, &files, &count);
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		files[i].look = !is_private(s, &files[i]);
	open_file_share(s->agent->pid, files, count);
	for (size_t i = 0; i < count; i++) {
		if (files[i].sharers == 0 || agent_memory_known(s->rows, s->declared, &files[i]))
			continue; /* a pointer into it is found when the image is made */
		json_t *row = undeclared(s, &files[i], &(struct meaning){"memory", "MEMORY_SHARED"},
			SLOT_MEMORY + (int64_t)i);
		agent_memory_name(&files[i], row);
		add_identity(&files[i], row);
		set(row, "sharers", json_integer(files[i].sharers));
		set(row, "shared_by", hex_text_json(files[i].shared_by));
		(void)json_array_append_new(s->rows, row);
	}
	open_file_free(files, count);
	return 0;
}

/* A handle's thing that is at another host. */
static const json_t *referred_handle(const struct found *s, int64_t slot)
{
	return referred_as(s, 0, slot);
}

/* What is known of it by its path: of the one that took its place here, if that was so. */
static void add_path(const struct found *s, json_t *row, const json_t *now)
{
	json_t *declared = json_incref(json_object_get(row, "locator"));
	if (now != NULL)
		set(row, "locator", json_incref(json_object_get(now, "locator")));
	agent_elsewhere_path(s->agent, s->elsewhere, row);
	set(row, "locator", declared);
}

/* Declared things without a descriptor: memory, handles. A file that is declared and not found was renamed or closed, and what is
 * found in its place speaks for itself. */
static void add_others(struct found *s)
{
	size_t i;
	json_t *row;
	json_array_foreach(s->declared, i, row)
	{
		if (agent_number(row, "origin", 0) == PMIG_AT_FILE_SCOPE || is_of_descriptors(agent_text(row, "kind")) ||
			json_object_get(row, "fd") != NULL)
			continue;
		const json_t *refers = referred_handle(s, agent_number(row, "slot", -1));
		if (refers != NULL && agent_number(refers, "id", 0) != 0)
			set(row, "reference", json_incref(json_object_get(refers, "id")));
		else
			add_path(s, row, refers);
		(void)json_array_append(s->rows, row);
	}
}

/* --- the process --- */

static void read_temporary(struct found *s)
{
	char path[64], *line = NULL;
	size_t room = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/environ", (int)s->agent->pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && getdelim(&line, &room, '\0', f) > 0)
		if (strncmp(line, "TMPDIR=", 7) == 0)
			(void)snprintf(s->temporary, sizeof s->temporary, "%s", line + 7);
	free(line);
	if (f != NULL)
		(void)fclose(f);
}

static size_t bytes_of(const json_t *object)
{
	char *dump = json_dumps(object, JSON_COMPACT);
	size_t n = dump != NULL ? strlen(dump) : 0;
	free(dump);
	return n;
}

static json_t *page_of(const json_t *rows, size_t from)
{
	json_t *page = json_array();
	size_t bytes = 0, i = from;
	for (; i < json_array_size(rows) && bytes < PAGE_BYTES; i++) {
		bytes += bytes_of(json_array_get(rows, i));
		(void)json_array_append(page, json_array_get(rows, i));
	}
	json_t *answer = json_pack("{s:o}", "resources", page);
	if (i < json_array_size(rows))
		set(answer, "next", json_integer((json_int_t)i));
	return answer;
}

static int find(struct agent *a)
{
	size_t i;
	json_t *row;
	json_t *declared = json_array();
	json_t *elsewhere = agent_elsewhere_find(a);
	struct found s = {.agent = a, .declared = declared, .elsewhere = elsewhere, .rows = json_array()};
	int r = a->store->resource_list(a->store, a->options->uuid, gather, declared);
	if (r >= 0 && a->pid > 0) {
		read_temporary(&s);
		r = find_descriptors(&s);
		if (r >= 0)
			r = find_maps(&s);
	}
	if (r >= 0) {
		add_others(&s);
		json_array_foreach(s.rows, i, row) agent_declared_note(a, row);
		json_decref(a->found);
		a->found = json_incref(s.rows);
	}
	json_decref(s.others);
	free(s.by_number);
	json_decref(s.rows);
	json_decref(declared);
	json_decref(elsewhere);
	return r < 0 ? r : 0;
}

int agent_do_resources(struct agent *a, const json_t *request, json_t **ret_answer)
{
	int64_t from = agent_number(request, "from", 0);
	char children[256] = ""; /* before: what one of them shares with the program is found as such */
	if (from == 0 && a->pid > 0)
		(void)!child_name_living(a->pid, children, sizeof children);
	int r = from == 0 ? find(a) : 0;
	if (r < 0)
		return r;
	*ret_answer = page_of(a->found, from > 0 ? (size_t)from : 0);
	if (from == 0)
		agent_rates_process(a, *ret_answer);
	if (children[0] != '\0')
		set(*ret_answer, "children", hex_text_json(children));
	if (from == 0)
		agent_obstacle_add(a, *ret_answer);
	return 0;
}

/* --- what the program said of descriptors that stand for things elsewhere --- */

void agent_note_reference(struct agent *a, const struct control_message *m)
{
	const char *end = strchr(m->text, '\n');
	if (a->refers == NULL)
		a->refers = json_array();
	for (size_t i = json_array_size(a->refers); i-- > 0;) {
		const json_t *old = json_array_get(a->refers, i);
		if (agent_number(old, "device", -1) == m->args[0] && agent_number(old, "inode", -1) == m->args[1])
			(void)json_array_remove(a->refers, i);
	}
	if (end != NULL && (m->args[2] != 0 || end[1] != '\0') && json_array_size(a->refers) < OPEN_FILE_MAX)
		(void)json_array_append_new(a->refers,
			json_pack("{s:I, s:I, s:I, s:s%, s:o}", "device", (json_int_t)m->args[0], "inode",
				(json_int_t)m->args[1], "id", (json_int_t)m->args[2], "kind", m->text,
				(size_t)(end - m->text), "locator", hex_text_json(end + 1)));
	agent_door_takes(a); /* it may have been accepted just now */
}
