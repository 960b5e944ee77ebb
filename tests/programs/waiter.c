/* waiter KIND...: waits in one call after the other, says where it begins and where and with what it ends. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t handled;

static void on_signal(int number)
{
	(void)number;
	handled++;
}

static void handle(int flags)
{
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = flags};
	sigaction(SIGUSR1, &a, NULL);
}

static const char *host(void)
{
	static char name[65];
	gethostname(name, sizeof name - 1);
	return name;
}

static long ms_since(const struct timespec *begun)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begun->tv_sec) * 1000 + (now.tv_nsec - begun->tv_nsec) / 1000000;
}

/* 1500 ms, neither less nor, by how often it was moved, much more. */
static int on_time(const struct timespec *begun)
{
	long ms = ms_since(begun);
	return ms >= 1500 && ms < 1900;
}

static const char *wait_in(const char *kind)
{
	static char text[64];
	struct timespec begun, t = {1, 500000000}, rest = {0};
	struct pollfd p = {.fd = 0, .events = POLLIN};
	sigset_t set, old;
	fd_set in;
	int n;
	memset(text, 0, sizeof text);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	handle(SA_RESTART);
	if (strcmp(kind, "read") == 0) {
		n = (int)read(0, text, sizeof text - 1);
		return n > 0 ? text : "nothing\n";
	}
	if (strcmp(kind, "fgets") == 0)
		return fgets(text, sizeof text, stdin) != NULL ? text : "nothing\n";
	if (strcmp(kind, "getline") == 0) {
		char *line = NULL;
		size_t size = 0;
		n = (int)getline(&line, &size, stdin);
		snprintf(text, sizeof text, "%d %s", n, line);
		free(line);
		return text;
	}
	if (strcmp(kind, "getchar") == 0) {
		for (n = 0; n < 63 && (n == 0 || text[n - 1] != '\n'); n++)
			text[n] = (char)getchar();
		return text;
	}
	if (strcmp(kind, "fread") == 0) {
		n = (int)fread(text, 1, 21, stdin);
		return n == 21 ? text : "less\n";
	}
	if (strcmp(kind, "scanf") == 0) {
		int a = 0, b = 0;
		n = scanf("%d %d%*[\n]", &a, &b);
		snprintf(text, sizeof text, "%d: %d %d\n", n, a, b);
		return text;
	}
	if (strcmp(kind, "poll") == 0) {
		n = poll(&p, 1, -1);
		return n == 1 && p.revents == POLLIN && fgets(text, sizeof text, stdin) ? text : "wrong\n";
	}
	if (strcmp(kind, "select") == 0) {
		FD_ZERO(&in);
		FD_SET(0, &in);
		n = select(1, &in, NULL, NULL, NULL);
		return n == 1 && FD_ISSET(0, &in) && fgets(text, sizeof text, stdin) ? text : "wrong\n";
	}
	if (strcmp(kind, "epoll") == 0) {
		struct epoll_event event = {.events = EPOLLIN, .data.fd = 7};
		int e = epoll_create1(EPOLL_CLOEXEC);
		n = epoll_ctl(e, EPOLL_CTL_ADD, 0, &event) == 0 && epoll_wait(e, &event, 1, -1) == 1 && event.data.fd == 7;
		close(e);
		return n && fgets(text, sizeof text, stdin) ? text : "wrong\n";
	}
	if (strcmp(kind, "accept") == 0) {
		struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/tmp/waiter.socket"};
		int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		n = bind(s, (struct sockaddr *)&address, sizeof address) == 0 && listen(s, 1) == 0 ? accept(s, NULL, NULL)
												   : -1;
		close(s);
		unlink(address.sun_path);
		int good = n >= 0 && read(n, text, sizeof text - 1) > 0;
		close(n);
		return good ? text : "wrong\n";
	}
	if (strcmp(kind, "sleep") == 0) {
		n = nanosleep(&t, NULL);
		return n == 0 && on_time(&begun) ? "on time\n" : "wrong\n";
	}
	if (strcmp(kind, "limit") == 0) {
		n = poll(NULL, 0, 1500);
		return n == 0 && on_time(&begun) ? "on time\n" : "wrong\n";
	}
	if (strcmp(kind, "rest") == 0) { /* a handler ends it, with what was left */
		t.tv_sec = 1000;
		n = nanosleep(&t, &rest);
		snprintf(text, sizeof text, "%s\n",
			n == -1 && errno == EINTR && rest.tv_sec >= 900 && rest.tv_sec <= 1000 ? "interrupted" : "wrong");
		return text;
	}
	if (strcmp(kind, "pause") == 0)
		return pause() == -1 && errno == EINTR && handled > 0 ? "interrupted\n" : "wrong\n";
	if (strcmp(kind, "broken") == 0) {
		handle(0);
		return read(0, text, 1) == -1 && errno == EINTR ? "interrupted\n" : "wrong\n";
	}
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	if (strcmp(kind, "sigsuspend") == 0)
		n = sigsuspend(&old) == -1 && errno == EINTR && handled > 0;
	else
		n = sigwaitinfo(&set, NULL) == SIGUSR1;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return n ? "signal\n" : "wrong\n";
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		handled = 0;
		printf("%s begins %s\n", host(), argv[i]);
		const char *got = wait_in(argv[i]);
		printf("%s ends %s: %s", host(), argv[i], got);
	}
	return 0;
}
