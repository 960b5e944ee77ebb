/* waits [storm] [NAME...]: each kind of call that waits, woken by a timer's handler of its own or by its time limit. Checks itself: what
 * came, how long it took, what a handler of the program does to it. storm: another process asks for a stop all the time, and no
 * call may notice. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define BIG (1 << 20)
#define MS 1000000l

static const char *now_testing;
static int failures, ends[2] = {-1, -1}, locked = -1;
static char *big;
static pid_t child;
static void (*action)(void);

#define CHECK(condition) check(condition, #condition, __LINE__)
static void check(bool good, const char *words, int line)
{
	int number = errno;
	if (!good)
		printf("%s, line %d: %s (errno %s)\n", now_testing, line, words, strerror(number)), failures++;
}

static void on_alarm(int number)
{
	int saved = errno;
	(void)number;
	if (action != NULL)
		action();
	errno = saved;
}

/* `do_it` in a handler, `ms` from now and, where `again`, every ms. */
static void after(int ms, bool again, int flags, void (*do_it)(void))
{
	struct sigaction a = {.sa_handler = on_alarm, .sa_flags = flags};
	struct itimerval t = {.it_value = {0, ms * 1000}, .it_interval = {0, again ? ms * 1000 : 0}};
	action = do_it;
	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

static void quiet(void)
{
	struct itimerval none = {0};
	setitimer(ITIMER_REAL, &none, NULL);
	action = NULL;
}

static long elapsed(const struct timespec *since)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 * MS + now.tv_nsec - since->tv_nsec;
}

static struct timespec begin(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t;
}

/* It took `ms`, or somewhat longer on a busy machine. */
#define TOOK(since, ms) CHECK(elapsed(&since) >= (ms) * MS && elapsed(&since) < ((ms) + 2000) * MS)

static void feed(void)
{
	(void)!write(ends[1], "abc", 3);
}

static void do_nothing(void)
{
}

/* What other processes do in between. */
static void nap(unsigned us)
{
	nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* A process at the other end: reads what comes, slowly, as long as it comes; ends with 1 if anything is wrong. */
static pid_t start_reader(size_t bytes)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	static char piece[65536];
	size_t at = 0;
	bool good = true;
	while (at < bytes) {
		ssize_t n = read(ends[0], piece, sizeof piece);
		for (ssize_t i = 0; i < n; i++)
			good = good && piece[i] == (char)((at + (size_t)i) * 7);
		if (n <= 0)
			break;
		at += (size_t)n;
		nap(2000);
	}
	_exit(!good || at != bytes);
}

static void ended_well(pid_t pid)
{
	int status = 1;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void close_ends(void)
{
	close(ends[0]);
	close(ends[1]);
}

static void test_sleep(void)
{
	struct timespec t = {0, 40 * MS}, rest = {9, 9}, since = begin();
	CHECK(nanosleep(&t, &rest) == 0 && rest.tv_sec == 9);
	TOOK(since, 40);
	since = begin();
	after(20, false, SA_RESTART, do_nothing);
	t.tv_nsec = 900 * MS;
	CHECK(nanosleep(&t, &rest) == -1 && errno == EINTR && rest.tv_sec == 0);
	CHECK(rest.tv_nsec <= 895 * MS && rest.tv_nsec + elapsed(&since) >= 899 * MS);
	after(20, false, 0, do_nothing);
	CHECK((sleep)(7) == 6); /* in brackets: what is tested, not a way to test */
	since = begin();
	CHECK((usleep)(30000) == 0);
	t = (struct timespec){0, 20 * MS};
	CHECK(thrd_sleep(&t, NULL) == 0);
	TOOK(since, 50);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 30 * MS;
	if (t.tv_nsec >= 1000 * MS)
		t.tv_sec++, t.tv_nsec -= 1000 * MS;
	since = begin();
	CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == 0);
	CHECK(elapsed(&since) >= 10 * MS);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, -1}, NULL) == EINVAL);
}

static void test_pause(void)
{
	sigset_t all, alarms, before;
	after(20, false, SA_RESTART, do_nothing);
	CHECK(pause() == -1 && errno == EINTR);
	sigfillset(&all);
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarms, &before);
	after(20, false, SA_RESTART, do_nothing);
	sigdelset(&all, SIGALRM);
	CHECK(sigsuspend(&all) == -1 && errno == EINTR);
	after(20, false, SA_RESTART, do_nothing);
	int got = 0;
	CHECK(sigwait(&alarms, &got) == 0 && got == SIGALRM);
	struct timespec limit = {0, 30 * MS}, since = begin();
	CHECK(sigtimedwait(&alarms, NULL, &limit) == -1 && errno == EAGAIN);
	TOOK(since, 30);
	siginfo_t info;
	raise(SIGALRM);
	CHECK(sigwaitinfo(&alarms, &info) == SIGALRM && info.si_code == SI_USER);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void test_pipe(void)
{
	char text[8] = "";
	CHECK(pipe(ends) == 0);
	after(20, false, SA_RESTART, feed);
	CHECK(read(ends[0], text, sizeof text) == 3 && memcmp(text, "abc", 3) == 0);
	after(20, false, 0, do_nothing);
	CHECK(read(ends[0], text, sizeof text) == -1 && errno == EINTR);
	after(20, false, SA_RESTART, feed);
	struct iovec parts[] = {{text, 1}, {text + 4, 4}};
	CHECK(readv(ends[0], parts, 2) == 3 && text[0] == 'a' && text[5] == 'c');
	close_ends();
}

static void test_write(void)
{
	CHECK(pipe(ends) == 0);
	pid_t reader = start_reader(2 * BIG + 25600);
	CHECK(write(ends[1], big, BIG) == BIG);
	struct iovec parts[] = {{big + 0, 256 * 100}, {big, 0}, {big, BIG}};
	CHECK(writev(ends[1], parts, 3) == BIG + 25600);
	CHECK(dprintf(ends[1], "%s", "") == 0);
	ended_well(reader);
	close_ends();
}

static void test_poll(void)
{
	CHECK(pipe(ends) == 0);
	struct pollfd p = {ends[0], POLLIN, 0};
	struct timespec since = begin();
	CHECK(poll(&p, 1, 40) == 0);
	TOOK(since, 40);
	after(20, false, SA_RESTART, do_nothing);
	CHECK(poll(&p, 1, -1) == -1 && errno == EINTR);
	after(20, false, SA_RESTART, feed);
	CHECK(poll(&p, 1, -1) == -1 && errno == EINTR); /* SA_RESTART does nothing for it */
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
	fd_set set;
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	struct timeval limit = {5, 0};
	CHECK(select(ends[0] + 1, &set, NULL, NULL, &limit) == 1 && FD_ISSET(ends[0], &set) && limit.tv_sec >= 4);
	char text[3];
	CHECK(read(ends[0], text, 3) == 3);
	limit = (struct timeval){0, 40000};
	since = begin();
	CHECK(select(ends[0] + 1, &set, NULL, NULL, &limit) == 0 && !FD_ISSET(ends[0], &set));
	TOOK(since, 40);
	CHECK(limit.tv_sec == 0 && limit.tv_usec == 0);
	struct timespec t = {0, 30 * MS};
	sigset_t all;
	sigfillset(&all);
	since = begin();
	after(5, false, SA_RESTART, do_nothing);
	CHECK(ppoll(&p, 1, &t, &all) == 0 && t.tv_nsec == 30 * MS);
	FD_SET(ends[0], &set);
	CHECK(pselect(ends[0] + 1, &set, NULL, NULL, &t, NULL) == 0);
	TOOK(since, 60);
	close_ends();
}

static void test_epoll(void)
{
	CHECK(pipe(ends) == 0);
	int e = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77};
	CHECK(epoll_ctl(e, EPOLL_CTL_ADD, ends[0], &event) == 0);
	struct timespec since = begin();
	event.data.u64 = 0;
	CHECK(epoll_wait(e, &event, 1, 40) == 0);
	TOOK(since, 40);
	after(20, false, SA_RESTART, feed);
	CHECK(epoll_wait(e, &event, 1, -1) == -1 && errno == EINTR);
	CHECK(epoll_wait(e, &event, 1, -1) == 1 && event.data.u64 == 77);
	close(e);
	close_ends();
}

static void test_socket(void)
{
	char text[8];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	after(20, false, SA_RESTART, feed);
	CHECK(recv(ends[0], text, sizeof text, 0) == 3);
	struct timeval limit = {0, 40000};
	CHECK(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
	struct timespec since = begin();
	CHECK(recv(ends[0], text, 8, 0) == -1 && errno == EAGAIN);
	TOOK(since, 36); /* the kernel counts in ticks */
	close_ends();
}

static pid_t start_feeder(void)
{
	pid_t pid = fork();
	for (int i = 0; pid == 0; i++) {
		nap(10000);
		if (i == 3)
			_exit(0);
		feed();
	}
	return pid;
}

/* With another process at the other end: only a signal makes these shorter than what was asked for. */
static void test_stream(void)
{
	char text[8];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	pid_t feeder = start_feeder();
	CHECK(recv(ends[0], text, 8, MSG_WAITALL) == 8 && memcmp(text, "abcabcab", 8) == 0);
	ended_well(feeder);
	CHECK(recv(ends[0], text, 8, 0) == 1);
	pid_t reader = start_reader(2 * BIG);
	CHECK(send(ends[1], big, BIG, 0) == BIG);
	struct iovec parts[] = {{big, 1024}, {big, BIG - 1024}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	CHECK(sendmsg(ends[1], &message, 0) == BIG);
	ended_well(reader);
	close_ends();
}

static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void call_in(void)
{
	ends[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(ends[1], (struct sockaddr *)&address, sizeof address) != 0)
		failures++;
}

static void test_accept(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s/waits-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp",
		(int)getpid());
	CHECK(bind(s, (struct sockaddr *)&address, sizeof address) == 0 && listen(s, 1) == 0);
	after(20, false, SA_RESTART, call_in);
	ends[0] = accept(s, NULL, NULL);
	CHECK(ends[0] >= 0 && write(ends[1], "x", 1) == 1);
	char c = 0;
	CHECK(read(ends[0], &c, 1) == 1 && c == 'x');
	close_ends();
	after(20, false, 0, do_nothing);
	CHECK(accept4(s, NULL, NULL, SOCK_CLOEXEC) == -1 && errno == EINTR);
	close(s);
	unlink(address.sun_path);
}

static void let_go(void)
{
	if (flock(locked, LOCK_UN) != 0)
		failures++;
}

static void let_range_go(void)
{
	struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	if (fcntl(locked, F_OFD_SETLK, &l) != 0)
		failures++;
}

static void test_lock(void)
{
	char path[200];
	snprintf(path, sizeof path, "%s/waits-lock-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
	locked = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int other = open(path, O_RDWR | O_CLOEXEC);
	CHECK(flock(locked, LOCK_EX) == 0);
	after(20, false, SA_RESTART, let_go);
	CHECK(flock(other, LOCK_EX) == 0);
	CHECK(flock(other, LOCK_UN) == 0);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	CHECK(fcntl(locked, F_OFD_SETLK, &l) == 0);
	after(20, false, 0, do_nothing);
	CHECK(fcntl(other, F_OFD_SETLKW, &l) == -1 && errno == EINTR);
	after(20, false, SA_RESTART, let_range_go);
	CHECK(fcntl(other, F_OFD_SETLKW, &l) == 0);
	close(other);
	close(locked);
	unlink(path);
}

static void test_fifo(void)
{
	char fifo[200], c = 0;
	snprintf(fifo, sizeof fifo, "%s/waits-fifo-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
	CHECK(mkfifo(fifo, 0600) == 0);
	pid_t other = fork();
	if (other == 0) {
		nap(20000);
		int fd = open(fifo, O_WRONLY);
		_exit(write(fd, "x", 1) != 1);
	}
	int fd = open(fifo, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, &c, 1) == 1 && c == 'x' && read(fd, &c, 1) == 0);
	ended_well(other);
	close(fd);
	after(20, false, 0, do_nothing);
	CHECK(open(fifo, O_RDONLY) == -1 && errno == EINTR);
	unlink(fifo);
}

static void end_child(void)
{
	kill(child, SIGTERM);
}

static void test_child(void)
{
	int status = 0;
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	after(20, false, SA_RESTART, end_child);
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK(waitpid(child, &status, 0) == -1 && errno == ECHILD);
}

static const struct test {
	const char *name;
	void (*run)(void);
} tests[] = {{"sleep", test_sleep}, {"pause", test_pause}, {"pipe", test_pipe}, {"write", test_write}, {"poll", test_poll},
	{"epoll", test_epoll}, {"socket", test_socket}, {"stream", test_stream}, {"accept", test_accept},
	{"lock", test_lock}, {"fifo", test_fifo}, {"child", test_child}};

static pid_t start_storm(void)
{
	pid_t parent = getpid(), storm = fork();
	if (storm != 0)
		return storm;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0;; i++) {
		kill(parent, SIGURG);
		for (volatile unsigned k = 0; k < i * 7919 % 20000; k++)
			;
		nap(i % 50);
	}
}

int main(int argc, char **argv)
{
	int first = 1;
	pid_t storm = argc > 1 && strcmp(argv[1], "storm") == 0 ? first++, start_storm() : 0;
	big = malloc(BIG);
	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)(i * 7);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		bool wanted = first >= argc;
		for (int k = first; k < argc; k++)
			wanted = wanted || strcmp(argv[k], tests[i].name) == 0;
		if (!wanted)
			continue;
		now_testing = tests[i].name;
		tests[i].run();
		printf("%s done\n", now_testing);
		fflush(stdout);
	}
	if (storm != 0) {
		kill(storm, SIGKILL);
		waitpid(storm, NULL, 0);
	}
	free(big);
	return failures != 0;
}
