/* What a process has besides memory survives a restore in a fresh process: descriptors, files, context, declarations. */
#include "restore_case.h"

#include "handler.h"
#include "resource/clocks.h"
#include "resource/replaced.h"

#include <netinet/in.h>
#include <poll.h>
#include <pmig/pmig.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

struct state {
	char *path;
	int a, b, c;
	int calls;
	char order[32];
	struct timespec monotonic;
	long numbers[4];
	char *value;
};

static struct state *fresh(void)
{
	struct state *s = pmig_calloc(1, sizeof *s);
	char path[] = "/var/tmp/pmig-resource-XXXXXX";
	CHECK(s != NULL && mkdtemp(path) != NULL);
	s->path = pmig_strdup(path);
	return s;
}

static char *below(const struct state *s, const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", s->path, name);
	return path;
}

static void expect(const char *path, const char *text)
{
	char buffer[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, buffer, sizeof buffer - 1) >= 0);
	close(fd);
	if (strcmp(buffer, text) != 0)
		dprintf(2, "have \"%s\", want \"%s\"\n", buffer, text);
	CHECK(strcmp(buffer, text) == 0);
}

static void clean(const struct state *s)
{
	unlink(below(s, "file"));
	unlink(below(s, "file.old"));
	unlink(below(s, "other"));
	CHECK(rmdir(s->path) == 0);
}

static void *numbers(void)
{
	struct state *s = fresh();
	int fd = open(below(s, "file"), O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK, 0640);
	CHECK(fd >= 0 && write(fd, "0123456789", 10) == 10);
	s->a = fcntl(fd, F_DUPFD, 40);
	s->b = fcntl(fd, F_DUPFD_CLOEXEC, 60);
	close(fd);
	s->c = open(below(s, "file"), O_RDONLY | O_CLOEXEC);
	CHECK(lseek(s->a, 3, SEEK_SET) == 3 && lseek(s->c, 7, SEEK_SET) == 7);
	return s;
}

static void numbers_after(void *state)
{
	struct state *s = state;
	char c;
	CHECK(s->a == 40 && s->b == 60 && fcntl(s->a, F_GETFD) == 0 && fcntl(s->b, F_GETFD) == FD_CLOEXEC);
	CHECK(read(s->b, &c, 1) == 1 && c == '3' && lseek(s->a, 0, SEEK_CUR) == 4); /* one offset for both */
	CHECK(read(s->c, &c, 1) == 1 && c == '7');
	CHECK((fcntl(s->a, F_GETFL) & (O_APPEND | O_NONBLOCK | O_ACCMODE)) == (O_APPEND | O_NONBLOCK | O_RDWR));
	CHECK(write(s->a, "X", 1) == 1);
	expect(below(s, "file"), "0123456789X");
	for (int fd = 3; fd < 100; fd++)
		CHECK(fd == s->a || fd == s->b || fd == s->c || fcntl(fd, F_GETFD) < 0);
	clean(s);
}

static void *gone(void)
{
	struct state *s = fresh();
	s->a = open(below(s, "file"), O_RDWR | O_CREAT, 0640);
	CHECK(write(s->a, "content", 7) == 7 && lseek(s->a, 2, SEEK_SET) == 2);
	CHECK(futimens(s->a, (struct timespec[2]){{1000, 0}, {1000, 5}}) == 0);
	CHECK(unlink(below(s, "file")) == 0); /* only to be created again behind the descriptor's back: another file */
	int fd = open(below(s, "other"), O_RDWR | O_CREAT, 0640);
	s->b = fd;
	CHECK(write(fd, "kept", 4) == 4);
	return s;
}

static void gone_after(void *state)
{
	struct state *s = state;
	struct stat st;
	char text[8] = "";
	CHECK(fstat(s->a, &st) == 0 && st.st_nlink == 0 && st.st_size == 7);
	CHECK(read(s->a, text, 7) == 5 && strcmp(text, "ntent") == 0);
	CHECK(access(below(s, "file"), F_OK) < 0);
	expect(below(s, "other"), "kept");
	clean(s);
}

/* The source is left by hand: another host is played by removing what a hand-over removes. */
static void *arrives(void)
{
	struct state *s = fresh();
	CHECK(mkdir(below(s, "deep"), 0700) == 0);
	s->a = open(below(s, "deep/file"), O_RDWR | O_CREAT, 0640);
	CHECK(write(s->a, "moved", 5) == 5 && ftruncate(s->a, 100000) == 0 && pwrite(s->a, "end", 3, 99997) == 3);
	CHECK(futimens(s->a, (struct timespec[2]){{1000, 0}, {1000, 5}}) == 0);
	return s;
}

static void arrives_after(void *state)
{
	struct state *s = state;
	struct stat st;
	char text[6] = "";
	CHECK(stat(below(s, "deep/file"), &st) == 0 && st.st_size == 100000 && (st.st_mode & 0777) == 0640);
	CHECK(st.st_mtim.tv_sec == 1000 && st.st_mtim.tv_nsec == 5);
	CHECK(st.st_blocks < 100); /* holes stay holes */
	CHECK(pread(s->a, text, 5, 0) == 5 && strcmp(text, "moved") == 0 && pread(s->a, text, 3, 99997) == 3 &&
		memcmp(text, "end", 3) == 0);
	CHECK(write(s->a, "more", 4) == 4);
	CHECK(fstat(s->a, &st) == 0 && st.st_nlink == 1);
	unlink(below(s, "deep/file"));
	rmdir(below(s, "deep"));
	CHECK(rmdir(s->path) == 0);
}

/* A connection, here with itself. */
static void *socket_open(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(bind(fd, (struct sockaddr *)&a, size) == 0 && getsockname(fd, (struct sockaddr *)&a, &size) == 0);
	CHECK(connect(fd, (struct sockaddr *)&a, size) == 0);
	return fresh();
}

static void *kernel_file(void)
{
	CHECK(open("/proc/meminfo", O_RDONLY | O_CLOEXEC) >= 0);
	return NULL;
}

static void *a_child(void)
{
	if (fork() == 0) {
		(void)poll(NULL, 0, 300);
		_exit(0);
	}
	return NULL;
}

static void *declared_refused(void)
{
	struct state *s = fresh();
	s->a = open(below(s, "file"), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	CHECK(pmig_declare_fd(s->a,
		      &(struct pmig_declaration){
			      .name = "the ledger", .binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FIXED}) == 0);
	clean(s);
	return s;
}

static int count(void *context)
{
	struct state *s = context;
	s->calls++;
	return 0;
}

static int first(void *context, const struct pmig_news *news)
{
	CHECK(news->outcome == PMIG_RESTORED && strcmp(news->from, "there") == 0);
	strcat(((struct state *)context)->order, "1");
	return 0;
}

static int second(void *context, const struct pmig_news *news)
{
	CHECK(news->strategy == PMIG_MOVE);
	strcat(((struct state *)context)->order, "2");
	return 0;
}

static int anew(void *context)
{
	struct state *s = context;
	CHECK(s->value[0] == 0); /* its bytes were never in the image */
	strcpy(s->value, "obtained anew");
	return 0;
}

static void *hooks(void)
{
	struct state *s = fresh();
	s->value = pmig_malloc(65536); /* alone on its pages */
	strcpy(s->value, "very secret indeed");
	s->a = open(below(s, "file"), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	CHECK(pmig_add_hooks(&(struct pmig_hooks){.before = count, .after = first}, s) == 0);
	CHECK(pmig_declare_fd(s->a,
		      &(struct pmig_declaration){.binding = PMIG_BY_IDENTIFIER,
			      .attachment = PMIG_UNATTACHED,
			      .hooks = &(struct pmig_hooks){.before = count, .after = second},
			      .context = s}) == 0);
	CHECK(pmig_declare_memory(s->value, 64,
		      &(struct pmig_declaration){.binding = PMIG_BY_VALUE,
			      .attachment = PMIG_UNATTACHED,
			      .secret = true,
			      .hooks = &(struct pmig_hooks){.secret = anew},
			      .context = s}) == 0);
	CHECK(pmig_declare_fd(99, &(struct pmig_declaration){.binding = PMIG_BY_VALUE, .attachment = PMIG_FIXED}) ==
		PMIG_EINVAL);
	CHECK(pmig_declare_fd(s->a, &(struct pmig_declaration){.binding = PMIG_BY_VALUE}) == PMIG_EINVAL);
	CHECK(pmig_declare_handle((void **)&s->path, "nonsense", "x",
		      &(struct pmig_declaration){.binding = PMIG_BY_VALUE, .attachment = PMIG_FIXED}) == PMIG_ENOENT);
	return s;
}

static void hooks_after(void *state)
{
	struct state *s = state;
	CHECK(s->calls == 2 && strcmp(s->order, "21") == 0);
	CHECK(strcmp(s->value, "obtained anew") == 0);
	clean(s);
}

static int not_now(void *context)
{
	(void)context;
	return -1;
}

static int told(void *context, const struct pmig_news *news)
{
	struct state *s = context;
	CHECK(news->outcome == PMIG_RESTORED || strstr(news->reason, "not now") != NULL);
	strcat(s->order, news->outcome == PMIG_FAILED ? "f" : "r");
	return 0;
}

/* In one process: a hook that refuses, and closing that withdraws. */
static void *put_off(void)
{
	struct state *s = fresh();
	CHECK(pmig_add_hooks(&(struct pmig_hooks){.before = count, .after = told}, s) == 0);
	s->a = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(pmig_declare_fd(s->a,
		      &(struct pmig_declaration){.name = "busy",
			      .binding = PMIG_BY_TYPE,
			      .attachment = PMIG_FIXED,
			      .hooks = &(struct pmig_hooks){.before = not_now, .after = told},
			      .context = s}) == 0);
	CHECK(resource_prepare() == PMIG_EBUSY && strstr(pmig_reason(), "busy") != NULL);
	CHECK(s->calls == 1 && strcmp(s->order, "f") == 0);
	CHECK(pmig_close(s->a) == 0);
	CHECK(resource_prepare() == 0 && s->calls == 2);
	clean(s);
	return s;
}

static void nothing(void *state)
{
	CHECK(((struct state *)state)->calls == 3 && strcmp(((struct state *)state)->order, "fr") == 0);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	alarms += number == SIGALRM ? 1 : 100;
}

static void farewell(void)
{
	char *path = getenv("FAREWELL");
	if (path != NULL)
		rmdir(path);
}

static void *context(void)
{
	struct state *s = fresh();
	CHECK(chdir(s->path) == 0);
	umask(027);
	CHECK(pmig_setenv("COLOUR", "blue", 1) == 0 && pmig_setenv("FAREWELL", s->path, 1) == 0);
	CHECK(pmig_unsetenv("PATH") == 0 && pmig_putenv(pmig_strdup("TZ=XYZ-12:45")) == 0);
	s->value = getenv("COLOUR");
	struct sigaction a = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	sigaddset(&a.sa_mask, SIGUSR2);
	CHECK(pmig_sigaction(SIGALRM, &a, NULL) == 0 && pmig_sigaction(SIGUSR1, &a, NULL) == 0 &&
		pmig_signal(SIGHUP, SIG_IGN) != SIG_ERR);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1); /* stays pending */
	CHECK(setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = 100, .it_interval.tv_sec = 7}, NULL) == 0);
	srandom(7);
	(void)random();
	long again[4];
	for (int i = 0; i < 4; i++)
		s->numbers[i] = random();
	srandom(7);
	(void)random();
	(void)again;
	pmig_atexit(farewell);
	CHECK(pmig_clock_gettime(CLOCK_MONOTONIC, &s->monotonic) == 0);
	return s;
}

static void context_after(void *state)
{
	struct state *s = state;
	char path[256];
	struct sigaction a;
	sigset_t set;
	struct itimerval t;
	struct timespec now;
	CHECK(getcwd(path, sizeof path) != NULL && strcmp(path, s->path) == 0);
	CHECK(umask(0) == 027);
	CHECK(getenv("COLOUR") == s->value && strcmp(s->value, "blue") == 0 && getenv("PATH") == NULL);
	struct tm tm;
	time_t moment = 0;
	CHECK(localtime_r(&moment, &tm) != NULL && tm.tm_min == 45); /* TZ */
	CHECK(pmig_sigaction(SIGALRM, NULL, &a) == 0 && a.sa_handler == on_alarm && (a.sa_flags & SA_RESTART) != 0);
	CHECK(sigismember(&a.sa_mask, SIGUSR2) == 1);
	CHECK(pmig_sigaction(SIGHUP, NULL, &a) == 0 && a.sa_handler == SIG_IGN);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGUSR1) == 1 && sigismember(&set, SIGALRM) == 0);
	CHECK(sigpending(&set) == 0 && sigismember(&set, SIGUSR1) == 1 && alarms == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK(alarms == 100);
	CHECK(getitimer(ITIMER_REAL, &t) == 0 && t.it_value.tv_sec >= 90 && t.it_value.tv_sec < 100 &&
		t.it_interval.tv_sec == 7);
	for (int i = 0; i < 4; i++)
		CHECK(random() == s->numbers[i]);
	CHECK(pmig_clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	CHECK(now.tv_sec > s->monotonic.tv_sec || (now.tv_sec == s->monotonic.tv_sec && now.tv_nsec > s->monotonic.tv_nsec));
	CHECK(strcmp(program_invocation_name, "restore-test") == 0);
	CHECK(chdir("/") == 0);
}

/* As if from a machine that has been up for thirty years, after eight seconds of work. */
static void clocks_as_there(void)
{
	struct timespec now;
	struct rusage used;
	CHECK(pmig_clock_gettime(CLOCK_MONOTONIC, &now) == 0 && now.tv_sec >= 1000000000);
	CHECK(pmig_clock_gettime(CLOCK_MONOTONIC_COARSE, &now) == 0 && now.tv_sec >= 1000000000);
	CHECK(pmig_clock_gettime(CLOCK_BOOTTIME, &now) == 0 && now.tv_sec >= 1000000007 && now.tv_sec < 1000001000);
	CHECK(pmig_clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0 && now.tv_sec >= 8 && now.tv_sec < 100);
	CHECK(pmig_clock() >= 8 * CLOCKS_PER_SEC && pmig_getrusage(RUSAGE_SELF, &used) == 0 && used.ru_utime.tv_sec >= 5);
	CHECK(pmig_clock_gettime(CLOCK_REALTIME, &now) == 0 && labs(now.tv_sec - time(NULL)) <= 1);
}

static void *clocks(void)
{
	struct record_writer w = {0};
	struct record_reader r;
	record_put_u64(&w, 1000000000ull * 1000000000);
	record_put_u64(&w, 1000000000ull * 1000000000);
	record_put_u64(&w, ((uint64_t)time(NULL) - 7) * 1000000000); /* seven seconds on the way */
	record_put_u64(&w, 5000000000);
	record_put_u64(&w, 3000000000);
	record_reader_init(&r, "clocks", w.data, w.size);
	CHECK(clocks_restore(&r) == 0);
	record_finish(&w);
	clocks_as_there();
	return NULL;
}

static void clocks_after(void *state)
{
	(void)state;
	clocks_as_there();
}

static void *lost_directory(void)
{
	struct state *s = fresh();
	CHECK(chdir(s->path) == 0 && rmdir(s->path) == 0);
	return s;
}

static const struct restore_case cases[] = {
	{.name = "numbers, flags and a shared offset", .before = numbers, .after = numbers_after},
	{.name = "a file without a name, and one written", .before = gone, .after = gone_after},
	{.name = "a file that is there already is used as it is", .before = arrives, .after = arrives_after},
	{.name = "a connection is refused", .before = socket_open, .refused = "connection tcp 127.0.0.1:"},
	{.name = "a file of the kernel is refused", .before = kernel_file, .refused = "it would need a reference"},
	{.name = "a child is refused", .before = a_child, .refused = "child process"},
	{.name = "a declaration that needs a reference is refused by its name",
		.before = declared_refused,
		.refused = "the ledger"},
	{.name = "declarations, hooks and secrets", .before = hooks, .after = hooks_after},
	{.name = "a hook puts it off", .before = put_off, .after = nothing},
	{.name = "directory, environment, signals, numbers, clocks", .before = context, .after = context_after},
	{.name = "clocks of another machine", .before = clocks, .after = clocks_after},
	{.name = "a working directory that was removed", .before = lost_directory, .refused = "working directory"},
	{0},
};

int main(int argc, char **argv)
{
	restore_main(argc, argv, cases);
	return restore_all(cases);
}
