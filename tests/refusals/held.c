/* held: what a program can have that refuses a checkpoint, one thing at a time. `held NAME` gets that, says "ready" and is at safe points until
 * its input ends; then it says "went on". Where this user or kernel does not give the thing, it says so and ends with 77. `held` lists the
 * names, the words that must refuse each, and where it is only refused: "image" or "move". */
#include <pmig/pmig.h>

#include <alloca.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <locale.h>
#include <mqueue.h>
#include <poll.h>
#include <regex.h>
#include <pthread.h>
#include <sched.h>
#include <search.h>
#include <semaphore.h>
#include <signal.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
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
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <netdb.h>
#include <sys/un.h>
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

/* What is not to be had here cannot be refused. */
static void need(long given)
{
	if (given >= 0)
		return;
	(void)dprintf(1, "not given: %s\n", strerror(errno));
	_exit(77);
}

/* As a library would, whose system calls nobody sees. */
#define RAW(...) (((long (*)(long, ...))dlsym(RTLD_DEFAULT, "syscall"))(__VA_ARGS__))

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

static void file_events(void)
{
	need(fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC, O_RDONLY));
}

static void requests(void)
{
	struct io_uring_params p = {0};
	need(RAW(SYS_io_uring_setup, 4, &p));
}

static void page_faults(void)
{
	need(RAW(SYS_userfaultfd, (long)(UFFD_USER_MODE_ONLY | O_CLOEXEC)));
}

static void counter(void)
{
	struct perf_event_attr a = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof a, .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1};
	need(RAW(SYS_perf_event_open, &a, 0l, -1l, -1l, (long)PERF_FLAG_FD_CLOEXEC));
}

static void process(void)
{
	need(RAW(SYS_pidfd_open, (long)getpid(), 0l));
}

static void kernel_map(void)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	need(RAW(SYS_bpf, (long)BPF_MAP_CREATE, &a, sizeof a));
}

static void name_only(void)
{
	need(open("/etc/passwd", O_PATH | O_CLOEXEC));
}

static void name_space(void)
{
	need(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
}

static void process_file(void)
{
	need(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
}

static void process_directory(void)
{
	need(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void kernel_memory(void)
{
	int fd = (int)RAW(SYS_memfd_secret, (long)O_CLOEXEC);
	need(fd);
	need(ftruncate(fd, 4096));
}

static void alarm_clock(void)
{
	need(timerfd_create(CLOCK_REALTIME_ALARM, TFD_CLOEXEC));
}

static void time_of_process(void)
{
	clockid_t clock;
	timer_t timer;
	(void)clock_getcpuclockid(getpid(), &clock);
	need(timer_create(clock, NULL, &timer));
}

static void *idle(void *unused)
{
	for (;;) {
		(void)poll(NULL, 0, 10);
		pmig_safepoint();
	}
	return unused;
}

static void time_of_thread(void)
{
	pthread_t thread;
	timer_t timer;
	need(timer_create(CLOCK_THREAD_CPUTIME_ID, NULL, &timer));
	(void)pthread_create(&thread, NULL, idle, NULL);
}

/* A file of this test's own, which lasts as long as its descriptor. */
static int nameless(void)
{
	int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	need(fd);
	need(ftruncate(fd, 1 << 20));
	return fd;
}

static void many_locks(void)
{
	int fd = nameless();
	for (long i = 0; i < 300; i++)
		(void)fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1});
}

static void mapped_and_closed(void)
{
	int fd = nameless();
	global = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)memset(global, 1, 4096);
	struct stat its, st;
	(void)fstat(fd, &its);
	for (int i = 3; i < 1024; i++) /* as closefrom() of a library */
		if (fstat(i, &st) == 0 && st.st_dev == its.st_dev && st.st_ino == its.st_ino)
			(void)RAW(SYS_close, (long)i);
}

static void mapped_and_stays(void)
{
	int fd = nameless();
	(void)pmig_declare_fd(fd, &(struct pmig_declaration){.binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FIXED});
	global = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static void shared_with_child(void)
{
	int fd = memfd_create("board", MFD_CLOEXEC);
	need(ftruncate(fd, 4096));
	global = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid_t parent = getpid(), between = fork();
	if (between == 0) { /* not a child of this process, which would be named as such */
		if (fork() == 0)
			while (getppid() != 1 || kill(parent, 0) == 0)
				(void)poll(NULL, 0, 100);
		_exit(0);
	}
	(void)waitpid(between, NULL, 0);
}

static void shared_nameless(void)
{
	global = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid(), between = fork();
	if (between == 0) {
		if (fork() == 0)
			while (getppid() != 1 || kill(parent, 0) == 0)
				(void)poll(NULL, 0, 100);
		_exit(0);
	}
	(void)waitpid(between, NULL, 0);
}

static void device_memory(void)
{
	int fd = open("/dev/vda", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = open("/dev/sda", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = open("/dev/loop0", O_RDONLY | O_CLOEXEC);
	need(fd);
	global = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	need(global == MAP_FAILED ? -1 : 0);
}

static void listens(int level, int option, const void *value, socklen_t size)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(setsockopt(fd, level, option, value, size));
	need(bind(fd, (struct sockaddr *)&a, sizeof a));
	need(listen(fd, 5));
}

static void interface(void)
{
	listens(SOL_SOCKET, SO_BINDTODEVICE, "lo", 2);
}

static void multicast_interface(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	need(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &a.sin_addr, sizeof a.sin_addr));
	need(bind(fd, (struct sockaddr *)&a, sizeof a));
}

static void packets(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	(void)snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "pmig-held-%d", (int)getpid());
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	need(bind(fd, (struct sockaddr *)&a, sizeof a));
	need(listen(fd, 5));
	need(pmig_declare_fd(fd, &(struct pmig_declaration){.binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FIXED}));
}

static void filter(void)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 65535);
	listens(SOL_SOCKET, SO_ATTACH_FILTER, &(struct sock_fprog){1, &all}, sizeof(struct sock_fprog));
}

static void packet_keys(void)
{
	struct tcp_md5sig key = {.tcpm_keylen = 3, .tcpm_key = "abc"};
	((struct sockaddr_in *)&key.tcpm_addr)->sin_family = AF_INET;
	listens(IPPROTO_TCP, TCP_MD5SIG, &key, sizeof key);
}

static void huge_file(void)
{
	int fd = nameless();
	need(ftruncate(fd, (1ll << 40) + 4096));
}

static void congestion(void)
{
	listens(IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}

static void group_changed(void)
{
	(void)!setegid(12345);
}

static void user_id_changed(void)
{
	need(setresuid((uid_t)-1, (uid_t)-1, 12345));
}

static void groups_changed(void)
{
	gid_t groups[] = {12345, 12346};
	need(setgroups(2, groups));
}

enum { ROOT = 1, IMAGE, MOVE };

static const struct {
	const char *name;
	void (*get)(void);
	const char *words; /* an extended regular expression */
	int only;          /* ROOT: as root; IMAGE: a move refers to it; MOVE: an image has it, or waits for it */
} things[] = {
	{"library", library_handle,
		"it has loaded the library libz.so.1 while running, which is not carried; close it with dlclose\\(\\)", 0},
	{"converting-stream", stream_that_converts,
		"/dev/null: it converts characters \\(\",ccs=\"\\); close it before the safe point", 0},
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
	{"child", child, "child process", MOVE},
	{"netlink", raw_socket,
		"no kind knows how to carry such a socket; close it before the safe point|no kind knows how to carry such a thing; close it",
		0},
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
	{"fanotify", file_events, "fanotify watches files of this host; close it before the safe point", 0},
	{"io_uring", requests, "io_uring has requests and memory in the kernel; close it", 0},
	{"userfaultfd", page_faults, "userfaultfd handles page faults of this process; close it", 0},
	{"perf", counter, "perf_event_open\\(\\) counts what this process does here; close it", 0},
	{"pidfd", process, "it leads to a process of this host \\(pidfd\\); close it", 0},
	{"bpf", kernel_map, "it is a program or map of this kernel \\(bpf\\); close it", 0},
	{"path-only", name_only, "/etc/passwd .*no kind knows how to carry such a thing; close it before the safe point", 0},
	{"name-space", name_space, "net:\\[[0-9]+\\] .*it is a name space of this host; close it before the safe point", 0},
	{"process-file", process_file, "/proc/[0-9]+/status .*it shows a process of this host; close it", 0},
	{"process-directory", process_directory, "it shows a process of this host; close it before the safe point", 0},
	{"secret-memory", kernel_memory, "it is memory that only this process may see \\(memfd_secret\\); close it", 0},
	{"alarm-clock", alarm_clock, "it wakes this host from sleep \\(CLOCK_REALTIME_ALARM or CLOCK_BOOTTIME_ALARM\\)", 0},
	{"process-timer", time_of_process, "a timer of it counts the time of one process or thread by its number here", 0},
	{"thread-timer", time_of_thread, "a timer of it counts the time of one of several threads, which is not carried", 0},
	{"many-locks", many_locks, "it holds more than 256 locks", 0},
	{"mapped-closed", mapped_and_closed, "a file is mapped at .* and the descriptor that keeps it \\(.*\\) was closed",
		0},
	{"mapped-stays", mapped_and_stays,
		"a file that would stay behind .* is mapped at .*, shared: memory cannot be referred to; unmap it|"
		"it would need a reference, which only a move sets up",
		0},
	{"shared-file", shared_with_child,
		"its value is shared with .*: on two machines that would need distributed shared memory|"
		"its value lives in shared memory, which would need distributed shared memory",
		0},
	{"shared-nameless", shared_nameless,
		"memory .* \\(by value, fixed\\) is shared with .*: one value on two machines would need distributed|"
		"its value lives in shared memory, which would need distributed shared memory",
		0},
	{"device-memory", device_memory, "a device is mapped at .*: its memory cannot travel; unmap it", 0},
	{"interface", interface, "it is bound to a network interface, which is not carried", 0},
	{"multicast-interface", multicast_interface, "it has chosen an interface for multicast, which is not carried",
		IMAGE},
	{"packets", packets, "it accepts packets, which are not led on; by type it would listen at the target", MOVE},
	{"filter", filter, "it has a filter, which is not carried", 0},
	{"packet-keys", packet_keys, "it has keys for its packets, which is not carried", 0},
	{"huge-file", huge_file, "it has [0-9]+ bytes, more than fit into an image", IMAGE},
	{"congestion", congestion, "it has chosen how it avoids congestion \\(TCP_CONGESTION\\), which is not carried", 0},
	{"user-id", user_id_changed, "it has changed its user \\(12345 now, [0-9]+ when it began\\)", ROOT},
	{"groups", groups_changed, "it has changed its supplementary groups; the rights of a user belong to the host", ROOT},
	{"group", group_changed, "it has changed its group \\(12345 now, [0-9]+ when it began\\)", ROOT},
};
#define THINGS (sizeof things / sizeof *things)

static int list_all(void)
{
	for (size_t i = 0; i < THINGS; i++)
		if (things[i].only != ROOT || geteuid() == 0)
			(void)printf("%s\t%s\t%s\n", things[i].name, things[i].words,
				things[i].only == IMAGE          ? "image"
					: things[i].only == MOVE ? "move"
								 : "");
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
