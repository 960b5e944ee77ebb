/* waits: everything within a process that can be waited for, filled before a move and looked at after it: eventfds, timerfds, a
 * signalfd, pipes, pairs of sockets of each type, epoll sets; and timers that send signals. One round for each line of input ("end" ends
 * it), or as many as the argument says. Prints one line a round, and on standard error whatever is not as it was. */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FAR 3600 /* seconds: a timer that does not go off meanwhile */
#define MANY 20000

static int counter, semaphore, soon, missed, later, dated, caught;
static int pipes[2], half[2], stream[2], datagram[2], packet[2], widowed, shut[2];
static int set, inner, once[2];
static timer_t timer, ticking;
static volatile sig_atomic_t ticks;
static time_t date;
static int failures;

#define CHECK(what) check(what, #what)

static void check(int good, const char *words)
{
	if (good)
		return;
	fprintf(stderr, "not as it was: %s (errno %d)\n", words, errno);
	failures++;
}

static void on_tick(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	ticks += info->si_value.sival_int == 42;
}

static uint64_t number_at(int fd)
{
	uint64_t n = 0;
	return read(fd, &n, sizeof n) == sizeof n ? n : 0;
}

static void add(int to, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = {.events = events, .data.u64 = data};
	CHECK(epoll_ctl(to, EPOLL_CTL_ADD, fd, &e) == 0);
}

static void open_all(void)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	sigprocmask(SIG_BLOCK, &one, NULL);
	counter = eventfd(0, EFD_NONBLOCK);
	semaphore = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
	soon = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	missed = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	later = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	dated = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	caught = signalfd(-1, &one, SFD_NONBLOCK);
	CHECK(pipe(pipes) == 0 && pipe2(half, O_NONBLOCK) == 0 && fcntl(pipes[0], F_SETPIPE_SZ, 65536) > 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram) == 0 &&
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, packet) == 0);
	set = epoll_create1(EPOLL_CLOEXEC);
	inner = epoll_create(1);
	CHECK(pipe2(once, O_NONBLOCK) == 0);
	add(set, pipes[0], EPOLLIN, 0x123456789abcdef0);
	add(set, stream[0], EPOLLIN | EPOLLRDHUP, (uint64_t)(uintptr_t)&counter);
	add(set, inner, EPOLLIN, 7);
	add(inner, counter, EPOLLIN | EPOLLET, 8);
	add(inner, later, EPOLLIN, 9);
	struct sigaction a = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
	sigaction(SIGRTMIN + 2, &a, NULL);
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2, .sigev_value.sival_int = 42};
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_create(CLOCK_REALTIME, &event, &ticking) == 0);
	date = time(NULL) + FAR;
}

static void set_timers(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	const struct itimerspec far = {.it_value.tv_sec = FAR, .it_interval.tv_sec = 11},
				often = {.it_value.tv_nsec = 1000000, .it_interval.tv_nsec = 1000000},
				now_and_then = {.it_value.tv_nsec = 30000000, .it_interval.tv_nsec = 30000000},
				at_date = {.it_value.tv_sec = date};
	struct itimerspec steady = {.it_value = now};
	steady.it_value.tv_sec += FAR;
	CHECK(timerfd_settime(soon, 0, &often, NULL) == 0 && timerfd_settime(missed, 0, &often, NULL) == 0);
	CHECK(timerfd_settime(later, TFD_TIMER_ABSTIME, &steady, NULL) == 0);
	CHECK(timerfd_settime(dated, TFD_TIMER_ABSTIME, &at_date, NULL) == 0);
	CHECK(timer_settime(timer, 0, &far, NULL) == 0 && timer_settime(ticking, 0, &now_and_then, NULL) == 0);
	CHECK(setitimer(ITIMER_VIRTUAL, &(struct itimerval){.it_value.tv_sec = FAR, .it_interval.tv_sec = 12}, NULL) == 0);
}

static char *bytes(char first)
{
	static char all[MANY];
	for (int i = 0; i < MANY; i++)
		all[i] = (char)(first + i % 26);
	return all;
}

static void fill(int round)
{
	uint64_t n = (uint64_t)round + 5;
	CHECK(write(counter, &n, sizeof n) == sizeof n && write(semaphore, &n, sizeof n) == sizeof n);
	CHECK(write(pipes[1], bytes('a'), MANY) == MANY && write(half[1], "last", 4) == 4);
	CHECK(write(stream[0], bytes('b'), MANY) == MANY && write(stream[1], "answer", 6) == 6);
	CHECK(send(datagram[0], "one", 3, 0) == 3 && send(datagram[0], "", 0, 0) == 0 &&
		send(datagram[0], "three", 5, 0) == 5);
	CHECK(send(packet[1], "first", 5, 0) == 5 && send(packet[1], "second", 6, 0) == 6);
	CHECK(close(half[1]) == 0);
	int ends[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && write(ends[1], "bequest", 7) == 7 && close(ends[1]) == 0);
	widowed = ends[0];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, shut) == 0 && shutdown(shut[0], SHUT_WR) == 0);
	struct epoll_event e;
	CHECK(write(once[1], "x", 1) == 1);
	add(set, once[0], EPOLLIN | EPOLLONESHOT, 99);
	for (int told = 0; told < 1000 && (epoll_wait(set, &e, 1, 0) != 1 || e.data.u64 != 99); told++)
		;
	CHECK(e.data.u64 == 99); /* from now on it says nothing */
	sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = round});
	set_timers();
	while (ticks == 0)
		pause(); /* another one comes */
}

static void look_at_bytes(void)
{
	static char got[MANY + 1];
	ssize_t n = 0;
	for (ssize_t k; n < MANY && (k = read(pipes[0], got + n, (size_t)(MANY - n))) > 0;)
		n += k;
	CHECK(n == MANY && memcmp(got, bytes('a'), MANY) == 0);
	CHECK(read(half[0], got, sizeof got) == 4 && memcmp(got, "last", 4) == 0 && read(half[0], got, 1) == 0);
	for (n = 0; n < MANY;)
		n += read(stream[1], got + n, (size_t)(MANY - n));
	CHECK(n == MANY && memcmp(got, bytes('b'), MANY) == 0);
	CHECK(read(stream[0], got, sizeof got) == 6 && memcmp(got, "answer", 6) == 0);
	CHECK(recv(datagram[1], got, sizeof got, 0) == 3 && recv(datagram[1], got, sizeof got, 0) == 0 &&
		recv(datagram[1], got, sizeof got, 0) == 5 && memcmp(got, "three", 5) == 0);
	CHECK(recv(packet[0], got, sizeof got, 0) == 5 && recv(packet[0], got, sizeof got, 0) == 6 &&
		memcmp(got, "second", 6) == 0);
	CHECK(recv(packet[0], got, sizeof got, 0) < 0 && errno == EAGAIN);
	CHECK(read(widowed, got, sizeof got) == 7 && memcmp(got, "bequest", 7) == 0 && read(widowed, got, 1) == 0);
	CHECK(read(shut[1], got, 1) == 0 && write(shut[1], "back", 4) == 4 && read(shut[0], got, 4) == 4);
	close(half[0]), close(widowed), close(shut[0]), close(shut[1]);
	CHECK(pipe2(half, O_NONBLOCK) == 0);
	CHECK(fcntl(packet[0], F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(missed, F_GETFD) == FD_CLOEXEC &&
		fcntl(set, F_GETFD) == FD_CLOEXEC && fcntl(inner, F_GETFD) == 0);
}

static void look_at_timers(void)
{
	struct itimerspec t;
	struct itimerval v;
	CHECK(timerfd_gettime(soon, &t) == 0 && t.it_interval.tv_nsec == 1000000);
	CHECK(number_at(soon) >= 3 && number_at(missed) >= 3);
	CHECK(timerfd_gettime(later, &t) == 0 && t.it_value.tv_sec <= FAR && t.it_value.tv_sec > FAR - 60);
	CHECK(timerfd_gettime(dated, &t) == 0 && labs(t.it_value.tv_sec - (date - time(NULL))) <= 2);
	CHECK(timer_gettime(timer, &t) == 0 && t.it_value.tv_sec <= FAR && t.it_value.tv_sec > FAR - 60 &&
		t.it_interval.tv_sec == 11);
	CHECK(getitimer(ITIMER_VIRTUAL, &v) == 0 && v.it_value.tv_sec <= FAR && v.it_value.tv_sec > FAR - 60 &&
		v.it_interval.tv_sec == 12);
	for (int before = ticks; ticks == before;)
		pause(); /* another one comes */
	struct itimerspec none = {0};
	timerfd_settime(soon, 0, &none, NULL), timerfd_settime(missed, 0, &none, NULL),
		timer_settime(ticking, 0, &none, NULL);
	ticks = 0;
}

static int ready(int of, struct epoll_event e[8])
{
	int n;
	while ((n = epoll_wait(of, e, 8, 0)) < 0 && errno == EINTR)
		;
	return n;
}

static void look_at_set(void)
{
	struct epoll_event e[8] = {0};
	unsigned seen = 0;
	int n = ready(set, e);
	for (int i = 0; i < n; i++)
		seen |= e[i].data.u64 == 0x123456789abcdef0              ? 1u
			: e[i].data.u64 == (uint64_t)(uintptr_t)&counter ? 2u
			: e[i].data.u64 == 7                             ? 4u
									 : 8u;
	CHECK(n == 3 && seen == 7); /* and nothing of the one that has told */
	n = ready(inner, e);
	CHECK(n == 1 && e[0].data.u64 == 8);
	e[0] = (struct epoll_event){.events = EPOLLIN, .data.u64 = 100};
	CHECK(epoll_ctl(set, EPOLL_CTL_ADD, once[0], e) < 0 && errno == EEXIST);
	CHECK(epoll_ctl(set, EPOLL_CTL_MOD, once[0], e) == 0);
	n = ready(set, e);
	CHECK(n == 3 || n == 4); /* the inner set has told of its edge, or after a move tells once more */
	char byte;
	CHECK(epoll_ctl(set, EPOLL_CTL_DEL, once[0], NULL) == 0 && read(once[0], &byte, 1) == 1);
}

static void look(int round)
{
	struct signalfd_siginfo info;
	look_at_set();
	look_at_bytes();
	look_at_timers();
	CHECK(number_at(counter) == (uint64_t)round + 5 && number_at(counter) == 0);
	for (int i = 0; i < round + 5; i++)
		CHECK(number_at(semaphore) == 1);
	CHECK(number_at(semaphore) == 0);
	CHECK(read(caught, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR2 && info.ssi_int == round);
	CHECK(read(caught, &info, sizeof info) < 0 && errno == EAGAIN);
}

static int next_round(long left)
{
	char line[64];
	if (left >= 0) {
		for (int i = 0; i < 3; i++)
			pmig_safepoint();
		return left > 0;
	}
	return fgets(line, sizeof line, stdin) != NULL && strcmp(line, "end\n") != 0;
}

int main(int argc, char **argv)
{
	long left = argc > 1 ? strtol(argv[1], NULL, 10) : -1;
	open_all();
	fill(0);
	for (int round = 0; next_round(left < 0 ? left : left--); round++) {
		char host[65] = "";
		gethostname(host, sizeof host - 1);
		look(round);
		fill(round + 1);
		printf("round %d%s%s\n", round, argc > 1 ? "" : " at ", argc > 1 ? "" : host);
		fflush(stdout);
	}
	return failures != 0;
}
