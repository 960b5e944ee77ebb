/* agent_providers: what this host has for those who need any of a type: what was declared here (`pmig registry provide`), as far as it
 * is still there, then what is found. */
#include "agent_parts.h"
#include "agent_socket.h"
#include "command_text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PROVIDERS_MAX 16 /* of one type */
#define LPSTAT_MS 500

struct search {
	struct agent *agent;
	const char *type;
	int64_t size; /* bytes that are needed of it */
	json_t *all;
};

static void add(struct search *s, const char *locator, const char *about, const char *from, int64_t room)
{
	size_t i;
	const json_t *other;
	json_array_foreach(s->all, i, other)
	{
		if (strcmp(agent_text(other, "locator"), locator) == 0)
			return;
	}
	if (json_array_size(s->all) >= PROVIDERS_MAX)
		return;
	json_t *one = json_pack("{s:s, s:s, s:s}", "locator", locator, "about", about, "from", from);
	if (one != NULL && room >= 0)
		(void)json_object_set_new(one, "free", json_integer((json_int_t)room));
	if (one != NULL)
		(void)json_array_append_new(s->all, one);
}

/* --- nodes by class: TYPE(type, patterns of paths, words) --- */

static const struct node {
	const char *type;
	const char *patterns[4];
	const char *about;
} nodes[] = {
	{"gpu", {"/dev/dri/renderD*", "/dev/nvidia[0-9]*", "/dev/kfd", "/dev/dri/card*"}, "graphics processor"},
	{"serial", {"/dev/ttyUSB*", "/dev/ttyACM*", "/dev/ttyS*"}, "serial line"},
	{"camera", {"/dev/video*"}, "camera"},
	{"sound", {"/dev/snd/pcm*p"}, "sound output"},
	{"printer", {"/dev/usb/lp*", "/dev/lp*"}, "printer"},
	{"tape", {"/dev/nst*", "/dev/st*"}, "tape"},
	{"terminal", {"/dev/ptmx"}, "pseudo-terminals"},
};

/* A node that the user may use: a name alone, without the device behind it, is none. */
static bool is_usable(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) || access(path, R_OK | W_OK) < 0)
		return false;
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	bool there = fd >= 0 || errno == EBUSY;
	if (fd >= 0)
		(void)close(fd);
	return there;
}

static void find_nodes(struct search *s)
{
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		if (strcmp(nodes[i].type, s->type) != 0)
			continue;
		for (size_t k = 0; k < 4 && nodes[i].patterns[k] != NULL; k++) {
			glob_t g;
			if (glob(nodes[i].patterns[k], 0, NULL, &g) != 0)
				continue;
			for (size_t n = 0; n < g.gl_pathc; n++)
				if (is_usable(g.gl_pathv[n]))
					add(s, g.gl_pathv[n], nodes[i].about, "discovered", -1);
			globfree(&g);
		}
	}
	char path[64];
	(void)snprintf(path, sizeof path, "/dev/%.48s", s->type);
	struct stat st;
	if (strpbrk(s->type, "/.") == NULL && stat(path, &st) == 0 && S_ISCHR(st.st_mode) && access(path, R_OK) == 0)
		add(s, path, "device", "discovered", -1);
}

/* --- printers: the queues of CUPS --- */

static void find_printers(struct search *s)
{
	char *const argv[] = {(char *)"lpstat", (char *)"-e", NULL};
	char text[4096];
	if (strcmp(s->type, "printer") != 0)
		return;
	command_text(argv, LPSTAT_MS, text, sizeof text);
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (*line != '\0')
			add(s, line, "print queue", "discovered", -1);
}

/* --- scratch: where there is room --- */

static int64_t room_in(const char *directory)
{
	struct statvfs fs;
	if (directory == NULL || directory[0] != '/' || access(directory, W_OK | X_OK) < 0 || statvfs(directory, &fs) < 0 ||
		(fs.f_flag & ST_RDONLY) != 0)
		return -1;
	return (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
}

static void find_scratch(struct search *s)
{
	const char *const places[] = {getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"};
	for (size_t i = 0; strcmp(s->type, "scratch") == 0 && i < sizeof places / sizeof *places; i++) {
		int64_t room = room_in(places[i]);
		if (room >= 0 && room >= s->size)
			add(s, places[i], "temporary files", "discovered", room);
	}
}

/* --- services: what /etc/services calls so and somebody listens for --- */

static unsigned port_of(const char *service)
{
	char line[256], name[128], protocol[8];
	unsigned port = 0, found = 0;
	FILE *f = fopen("/etc/services", "re");
	while (f != NULL && found == 0 && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "%127s %u/%7s", name, &port, protocol) == 3 && strcmp(protocol, "tcp") == 0 &&
			port <= 65535 && strcmp(name, service) == 0)
			found = port;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/* proc_net_tcp(5): "sl local_address rem_address st ..."; 0A is LISTEN. */
static bool listens(const char *table, unsigned port)
{
	char line[256];
	unsigned local = 0, state = 0;
	bool found = false;
	FILE *f = fopen(table, "re");
	while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
		found = sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local, &state) == 2 && state == 0x0a &&
			local == port;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

static void find_service(struct search *s)
{
	char locator[32];
	unsigned port = port_of(s->type);
	if (port == 0 || (!listens("/proc/self/net/tcp", port) && !listens("/proc/self/net/tcp6", port)))
		return;
	(void)snprintf(locator, sizeof locator, "127.0.0.1:%u", port);
	add(s, locator, "service", "discovered", -1);
}

/* --- addresses for sockets that listen: a type is one, in the words of runtime/base/socket_sort.h --- */

static void find_place(struct search *s)
{
	char text[PMIG_NAME_MAX];
	if (agent_socket_free(s->type, text, sizeof text))
		add(s, text, "address", "discovered", -1);
}

/* --- declared --- */

static bool exists(const char *locator)
{
	return locator[0] != '/' || access(locator, F_OK) == 0;
}

static void add_declared(struct search *s, const char *locator, const char *about)
{
	struct stat st;
	if (*locator == '\0' || !exists(locator))
		return;
	bool directory = locator[0] == '/' && stat(locator, &st) == 0 && S_ISDIR(st.st_mode);
	int64_t room = directory ? room_in(locator) : -1;
	if (strcmp(s->type, "scratch") != 0 || !directory || room >= s->size)
		add(s, locator, about, "declared", room);
}

static int on_row(void *context, const struct pmig_provider_row *row)
{
	struct search *s = context;
	if (strcmp(row->type, s->type) == 0)
		add_declared(s, row->locator, row->about != NULL ? row->about : "");
	return 0;
}

/* Rows are written under what this host calls itself, or under what the supervisor calls it. */
static void each_row(struct agent *a, int (*each)(void *context, const struct pmig_provider_row *row), void *context)
{
	char own[PMIG_NAME_MAX + 1] = "";
	(void)gethostname(own, sizeof own - 1);
	(void)a->store->provider_list(a->store, own, each, context);
	if (strcmp(own, a->host) != 0 && a->host[0] != '\0')
		(void)a->store->provider_list(a->store, a->host, each, context);
}

static json_t *providers_of(struct agent *a, const json_t *wanted)
{
	struct search s = {.agent = a,
		.type = agent_text(wanted, "type"),
		.size = agent_number(wanted, "size", 0),
		.all = json_array()};
	size_t i;
	const json_t *declared;
	each_row(a, on_row, &s);
	json_array_foreach(json_object_get(wanted, "declared"), i, declared)
	{
		add_declared(&s, agent_text(declared, "locator"), agent_text(declared, "about"));
	}
	find_printers(&s);
	find_nodes(&s);
	find_scratch(&s);
	find_service(&s);
	if (strncmp(s.type, "listen ", 7) == 0) {
		s.type += 7;
		find_place(&s);
	}
	return s.all;
}

json_t *agent_providers(struct agent *a, const json_t *types)
{
	json_t *answer = json_array();
	const json_t *type;
	size_t i;
	json_array_foreach(types, i, type)
	{
		json_t *all = i < PROVIDERS_MAX * 4 ? providers_of(a, type) : json_array();
		(void)json_array_append_new(answer, json_pack("{s:s, s:o}", "type", agent_text(type, "type"), "all", all));
	}
	return answer;
}

/* --- places that the content index is to know: providers of the type "content" --- */

struct places {
	void (*each)(void *context, const char *place);
	void *context;
};

static int on_place(void *context, const struct pmig_provider_row *row)
{
	const struct places *p = context;
	if (strcmp(row->type, "content") == 0 && row->locator[0] == '/')
		p->each(p->context, row->locator);
	return 0;
}

void agent_places(struct agent *a, void (*each)(void *context, const char *place), void *context)
{
	each_row(a, on_place, &(struct places){each, context});
}
