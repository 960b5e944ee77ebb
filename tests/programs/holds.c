/* holds THING [PATH]: has something open, says "ready" and then counts until it is killed. THING: nothing, connection,
 * listener, outside (a pipe to a child), within (a pipe, both ends), child (which has nothing of its own open); with a PATH:
 * read, written, typed (declared by the type $TYPE), changed (read, and it grows when a move begins), turning (read until a move begins, then written), scratch (declared by type), matched (declared at file
 * scope), many (a folder, in which it writes 700 files),
 * growing (with each number), all (a folder: one of every kind that can go). */
#include <pmig/pmig.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

PMIG_RESOURCE("*/matched.data", .kind = "file",
	.d = {.binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FIXED, .name = "the matched one"});

static int listener(struct sockaddr_in *ret_address)
{
	socklen_t size = sizeof *ret_address;
	*ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)ret_address, size) < 0 || listen(fd, 1) < 0 ||
		getsockname(fd, (struct sockaddr *)ret_address, &size) < 0)
		return -1;
	return fd;
}

static int connection(void)
{
	struct sockaddr_in address;
	int l = listener(&address), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l < 0 || fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 || accept(l, NULL, NULL) < 0)
		return -1;
	return close(l);
}

static int child(void)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid > 0 ? 0 : -1;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		(void)pause();
}

static int turning;
static const char *turning_path;

static int turn(void *context)
{
	(void)context;
	close(turning);
	return turning = open(turning_path, O_RDWR);
}

/* Reads it; somebody else (here this program, by another way) writes to it once the move has begun. */
static int change(void *context)
{
	int fd = open(context, O_WRONLY | O_APPEND);
	int r = fd < 0 || dprintf(fd, "changed after the plan\n") < 0 ? -1 : 0;
	close(fd);
	return r;
}

static int many(const char *folder)
{
	for (int i = 0; i < 700; i++) {
		char path[256];
		snprintf(path, sizeof path, "%s/of so many files that what is said of them needs several pages %d", folder,
			i);
		int fd = open(path, O_RDWR | O_CREAT, 0600);
		if (fd < 0 || dprintf(fd, "%d\n", i) < 0)
			return -1;
	}
	return 0;
}

static int growing = -1;

/* Devices that every machine has, the folder, a file without a name, what counts within the process. */
static int all(const char *folder)
{
	char path[256];
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	snprintf(path, sizeof path, "%s/nameless", folder);
	int nameless = open(path, O_RDWR | O_CREAT, 0600);
	const int fds[] = {nameless, open("/dev/null", O_RDWR), open("/dev/urandom", O_RDONLY),
		open(folder, O_RDONLY | O_DIRECTORY), eventfd(3, EFD_CLOEXEC), timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC),
		signalfd(-1, &set, SFD_CLOEXEC)};
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] < 0)
			return -1;
	return unlink(path);
}

static int hold(const char *thing, const char *path)
{
	int ends[2];
	struct sockaddr_in address;
	if (strcmp(thing, "connection") == 0)
		return connection();
	if (strcmp(thing, "listener") == 0)
		return listener(&address);
	if (strcmp(thing, "outside") == 0)
		return pipe(ends) < 0 ? -1 : child();
	if (strcmp(thing, "child") == 0)
		return child();
	if (strcmp(thing, "within") == 0)
		return pipe(ends) < 0 || write(ends[1], "bytes", 5) != 5 ? -1 : 0;
	if (path == NULL)
		return strcmp(thing, "nothing") == 0 ? 0 : -1;
	if (strcmp(thing, "all") == 0)
		return all(path);
	if (strcmp(thing, "growing") == 0)
		return growing = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	if (strcmp(thing, "many") == 0)
		return many(path);
	if (strcmp(thing, "read") == 0)
		return open(path, O_RDONLY);
	if (strcmp(thing, "turning") == 0) {
		turning = open(turning_path = path, O_RDONLY);
		return turning < 0 ? -1 : pmig_add_hooks(&(struct pmig_hooks){.before = turn}, NULL);
	}
	if (strcmp(thing, "typed") == 0) {
		int any = open(path, O_RDWR);
		return any < 0 || getenv("TYPE") == NULL ? -1
							 : pmig_declare_fd(any,
								   &(struct pmig_declaration){.name = "any",
									   .binding = PMIG_BY_TYPE,
									   .attachment = PMIG_FIXED,
									   .type = getenv("TYPE")});
	}
	if (strcmp(thing, "changed") == 0)
		return open(path, O_RDONLY) < 0 ? -1 : pmig_add_hooks(&(struct pmig_hooks){.before = change}, (void *)path);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || dprintf(fd, "%s\n", thing) < 0)
		return -1;
	if (strcmp(thing, "scratch") == 0)
		return pmig_declare_fd(fd,
			&(struct pmig_declaration){.name = "scratch",
				.binding = PMIG_BY_TYPE,
				.attachment = PMIG_UNATTACHED,
				.type = "scratch"});
	return 0;
}

/* With GATE, a FIFO: before it is frozen it writes "at the gate" into it, and reads it until somebody closes it: what is done meanwhile is
 * done after the plan was made. */
static int gate(void *context)
{
	char c;
	int fd = open(context, O_WRONLY);
	if (fd < 0 || dprintf(fd, "at the gate\n") < 0)
		return -1;
	close(fd);
	fd = open(context, O_RDONLY);
	while (read(fd, &c, 1) > 0)
		;
	return close(fd);
}

int main(int argc, char **argv)
{
	if (getenv("GATE") != NULL && pmig_add_hooks(&(struct pmig_hooks){.before = gate}, getenv("GATE")) < 0)
		return 2;
	if (argc < 2 || hold(argv[1], argc > 2 ? argv[2] : NULL) < 0)
		return 2;
	printf("ready\n");
	for (long count = 1;; count++) {
		printf("%ld\n", count);
		fflush(stdout);
		if (growing >= 0 && dprintf(growing, "%ld\n", count) < 0)
			return 1;
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		pmig_safepoint();
	}
}
