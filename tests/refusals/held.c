/* held: what a program can have that refuses a checkpoint, one thing at a time. `held NAME` gets that, says "ready" and is at safe points until
 * its input ends; then it says "went on". `held` lists the names, and the words that must refuse each. */
#include <pmig/pmig.h>

#include <alloca.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <mqueue.h>
#include <poll.h>
#include <regex.h>
#include <sched.h>
#include <search.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <netdb.h>
#include <sys/wait.h>
#include <iconv.h>
#include <link.h>

static void *global; /* points to where nothing travels from */

struct node {
	struct node *next;
	void *away;
};

static struct node *list;
static FILE *stream;
static wchar_t *letters;
static size_t size;
static iconv_t conversion;

static void library_handle(void)
{
	global = dlopen("libz.so.1", RTLD_NOW);
}

static void stream_that_converts(void)
{
	stream = fopen("/dev/null", "w,ccs=UTF-8");
}

static void wide_stream(void)
{
	stream = open_wmemstream(&letters, &size);
}

static void shared_memory(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);
	global = shmat(id, NULL, 0);
	(void)shmctl(id, IPC_RMID, NULL);
}

static void semaphores(void)
{
	int id = semget(IPC_PRIVATE, 1, 0600);
	(void)semctl(id, 0, IPC_RMID);
}

static void named_semaphore(void)
{
	char name[64];
	(void)snprintf(name, sizeof name, "/pmig-held-%d", (int)getpid());
	(void)sem_open(name, O_CREAT, 0600, 1);
	(void)sem_unlink(name);
}

static void message_queue(void)
{
	char name[64];
	(void)snprintf(name, sizeof name, "/pmig-held-%d", (int)getpid());
	(void)mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	(void)mq_unlink(name);
}

static void execution_domain(void)
{
	(void)personality(ADDR_COMPAT_LAYOUT);
}

static void seccomp(void)
{
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul);
	(void)prctl(PR_SET_TSC, (unsigned long)PR_TSC_ENABLE, 0ul, 0ul, 0ul);
}

static void long_conversion(void)
{
	char text[4096], *in, out[4096 * 4], *to;
	size_t left, room;
	memset(text, 'a', sizeof text);
	conversion = iconv_open("UTF-7", "UTF-8");
	for (int i = 0; i < 300; i++) {
		in = text, to = out, left = sizeof text, room = sizeof out;
		(void)iconv(conversion, &in, &left, &to, &room);
	}
}

static void directory_removed(void)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/dev/shm/pmig-held-%d", (int)getpid());
	(void)mkdir(path, 0700);
	(void)chdir(path);
	(void)rmdir(path);
}

static void open_directory_removed(void)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/dev/shm/pmig-held-%d", (int)getpid());
	(void)mkdir(path, 0700);
	global = opendir(path);
	(void)rmdir(path);
}

static void child(void)
{
	pid_t parent = getpid();
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL);
		while (getppid() == parent)
			(void)poll(NULL, 0, 1000);
		_exit(0);
	}
}

static void raw_socket(void)
{
	(void)!socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static void watches(void)
{
	int fd = inotify_init1(IN_CLOEXEC);
	(void)inotify_add_watch(fd, "/tmp", IN_CREATE);
}

static void lease(void)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/dev/shm/pmig-held-%d", (int)getpid());
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	(void)fcntl(fd, F_SETLEASE, F_WRLCK);
	(void)unlink(path);
}

static void handler_of_library(void)
{
	(void)signal(SIGUSR1, (void (*)(int))dlsym(RTLD_DEFAULT, "exit"));
}

static void pointer_in_global(void)
{
	global = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
}

static void pointer_in_heap(void)
{
	for (int i = 0; i < 3; i++) {
		struct node *n = calloc(1, sizeof *n);
		n->next = list;
		list = n;
	}
	list->next->away = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
}

static void pointer_to_thread_variable(void)
{
	global = &h_errno;
}

static void pointer_to_table(void)
{
	extern const unsigned short **__ctype_b_loc(void);
	global = (void *)*__ctype_b_loc();
}

static void pointer_to_native_stack(void)
{
	global = __builtin_frame_address(0);
}

static void pointer_to_foreign_block(void)
{
	struct addrinfo *found = NULL;
	(void)getaddrinfo("127.0.0.1", "1", NULL, &found);
	global = dlsym(RTLD_DEFAULT, "malloc"); /* the process's, not the program's */
	global = ((void *(*)(size_t))global)(100);
}

static void user_changed(void)
{
	(void)!setegid(12345);
}

static const struct {
	const char *name;
	void (*get)(void);
	const char *words; /* an extended regular expression */
	int needs_root;
} things[] = {
	{"library", library_handle,
		"it has loaded the library libz.so.1 while running, which is not carried; close it with dlclose\\(\\)", 0},
	{"converting-stream", stream_that_converts, "/dev/null: it converts characters .* close it before the safe point",
		0},
	{"wide-stream", wide_stream, "a stream: it is a wide one over memory \\(open_wmemstream\\); close it", 0},
	{"shared-memory", shared_memory, "it uses the System V shared memory [0-9]+ of this host", 0},
	{"semaphores", semaphores, "it uses the System V semaphores [0-9]+ of this host", 0},
	{"named-semaphore", named_semaphore, "it has opened the named semaphore /pmig-held-[0-9]+ of this host", 0},
	{"message-queue", message_queue, "it has opened the message queue /pmig-held-[0-9]+ of this host", 0},
	{"personality", execution_domain, "it has changed its execution domain to 0x[0-9a-f]+ with personality\\(\\)", 0},
	{"prctl", seccomp, "it has called prctl\\(PR_SET_TSC\\), which is not carried", 0},
	{"conversion", long_conversion,
		"a conversion from UTF-8 to UTF-7 has states and goes on for more than 1048576 bytes", 0},
	{"working-directory", directory_removed,
		"its working directory has no name any more|has no directory .* \\(deleted\\), in which working-directory works",
		0},
	{"directory", open_directory_removed, "the directory was removed; close it before the safe point", 0},
	{"child", child, "child process", 0},
	{"netlink", raw_socket, "socket", 0},
	{"inotify", watches, "inotify", 0},
	{"lease", lease, "it holds a LEASE, which cannot be carried", 0},
	{"handler", handler_of_library, "the handler of signal 10 \\(.*\\) is not a function of the program", 0},
	{"pointer-global", pointer_in_global, "the variable global points to gnu_get_libc_version in libc.so.6", 0},
	{"pointer-heap", pointer_in_heap,
		"the heap block of [0-9]+ bytes .*list.* points to gnu_get_libc_version in libc.so.6", 0},
	{"pointer-h_errno", pointer_to_thread_variable, "the variable global points to thread-local memory of a library", 0},
	{"pointer-ctype", pointer_to_table, "the variable global points to .* in libc.so.6", 0},
	{"pointer-stack", pointer_to_native_stack, "the variable global points to the native stack", 0},
	{"pointer-block", pointer_to_foreign_block, "the variable global points to [0-9]+ bytes allocated by ", 0},
	{"user", user_changed, "it has changed its user or groups", 1},
};
#define THINGS (sizeof things / sizeof *things)

static int list_all(void)
{
	for (size_t i = 0; i < THINGS; i++)
		if (!things[i].needs_root || geteuid() == 0)
			(void)printf("%s\t%s\n", things[i].name, things[i].words);
	return 0;
}

int main(int argc, char **argv)
{
	char c;
	size_t i = 0;
	if (argc < 2)
		return list_all();
	while (i < THINGS && strcmp(things[i].name, argv[1]) != 0)
		i++;
	if (i == THINGS)
		return 2;
	things[i].get();
	(void)dprintf(1, "ready\n");
	for (;;) {
		struct pollfd input = {.fd = 0, .events = POLLIN};
		pmig_safepoint();
		if (poll(&input, 1, 10) > 0 && read(0, &c, 1) <= 0)
			break;
	}
	(void)dprintf(1, "went on\n");
	return 0;
}
