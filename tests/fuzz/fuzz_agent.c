/* fuzz_agent: any lines as requests to an agent, in a root directory of its own with nothing in it: each is answered or refused, and nothing is
 * written that could not be read again.
 * sources: runtime/base/*.c registry/*.c transport/*.c
 * libraries: sqlite3 zstd xxhash jansson md
 * Left out: "die", which does what it says. Where chroot(2) is not allowed it only parses. */
#include "registry/store.h"
#include "transport/agent_parts.h"
#include "transport/agent_reference.h"
#include "transport/loop.h"
#include "transport/peer.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UUID "0f0e0d0c-0b0a-4908-8706-050403020100"
#define LINES_MAX 16

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[] = "/dev/shm/pmig-fuzz-XXXXXX";
static int outside = -1, before = -1; /* the root, and the working directory */
static bool inside;
static struct pmig_store *store;
static struct agent_options options = {.state = "/", .uuid = UUID, .name = "fuzz", .ready_fd = -1};

static int on_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path), 0;
}

static void clean_up(void)
{
	registry_store_close(store);
	if (fchdir(outside) == 0 && chroot(".") == 0)
		(void)nftw(root, on_file, 16, FTW_DEPTH | FTW_PHYS);
}

/* The corpora are read by name from the working directory, so the root is changed around each input only. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	(void)signal(SIGPIPE, SIG_IGN);
	before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	outside = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (geteuid() != 0 || mkdtemp(root) == NULL)
		return 0;
	char path[64];
	static const char *const folders[] = {"run", "image", "spool", "home"};
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", root, folders[i]);
		if (mkdir(path, 0700) < 0)
			abort();
	}
	(void)setenv("HOME", "/home", 1);
	(void)unsetenv("TMPDIR");
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)snprintf(path, sizeof path, "%s/registry.db", root);
	if (registry_store_open(path, &store) < 0)
		abort();
	(void)atexit(clean_up);
	inside = true;
	return 0;
}

static void on_closed(void *context, int code)
{
	(void)context, (void)code;
}

static int on_packet(void *context, const struct packet *p)
{
	(void)context, (void)p;
	return 0;
}

static void on_room(void *context)
{
	(void)context;
}

static void ask(struct agent *a, const uint8_t *line, size_t size)
{
	json_t *request = json_loadb((const char *)line, size, 0, NULL);
	if (inside && json_is_object(request) && strcmp(agent_text(request, "do"), "die") != 0)
		(void)!agent_request(a, request);
	json_decref(request);
}

static void finish(struct agent *a)
{
	if (a->pid > 0) {
		(void)kill(a->pid, SIGKILL);
		(void)waitpid(a->pid, NULL, 0);
	}
	if (a->control >= 0) {
		loop_remove(&a->control_source);
		(void)close(a->control);
	}
	agent_file_drop(a);
	agent_marks_drop(a);
	peer_destroy(a->driver);
	a->driver = NULL;
	agent_reference_lost(a);
	agent_reference_end(a);
	agent_stdio_destroy(a->io);
	json_decref(a->restore_request);
	agent_forget_decisions(a);
	json_decref(a->found);
	json_decref(a->planned);
	agent_declared_forget(a);
	json_decref(a->refers);
	agent_rates_forget(a);
	loop_destroy(a->loop);
	(void)close(a->directory);
	(void)store->process_drop(store, UUID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];
	struct agent a = {.options = &options,
		.store = store,
		.state = AGENT_EMPTY,
		.control = -1,
		.listener = -1,
		.guard = -1,
		.directory = -1,
		.exit_status = -1,
		.name = "fuzz",
		.host = "beta",
		.home = "alpha",
		.from = "192.0.2.1"};
	if (inside && (chdir(root) < 0 || chroot(".") < 0))
		abort();
	a.directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 || loop_create(&a.loop) < 0 ||
		peer_create(&(struct peer_options){.loop = a.loop,
				    .fd = ends[0],
				    .pack = PACKET_PLAIN,
				    .packet = on_packet,
				    .room = on_room,
				    .closed = on_closed,
				    .context = &a},
			&a.driver) < 0)
		abort();
	for (unsigned lines = 0; size > 0 && lines < LINES_MAX; lines++) {
		const uint8_t *newline = memchr(data, '\n', size);
		size_t length = newline != NULL ? (size_t)(newline - data) : size;
		ask(&a, data, length);
		length += newline != NULL;
		data += length;
		size -= length;
	}
	if (inside)
		finish(&a);
	(void)close(ends[1]);
	if (inside && (fchdir(outside) < 0 || chroot(".") < 0 || fchdir(before) < 0))
		abort();
	return 0;
}
