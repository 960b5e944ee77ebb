/* passes: hands the bytes of each connection that it accepts to one that it makes, and back, with half-close: passes PORT HOST:PORT N. Ends
 * when N have come and gone, and says how many bytes went each way. Nothing of it knows what the bytes mean. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pmig/pmig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 64
#define ROOM 32768

/* One direction. */
struct way {
	int from, to, ended, over;
	size_t at, size;
	long long bytes;
	char buffer[ROOM];
};

static struct way *ways[MOST];
static int count, rest;

static struct addrinfo *look_up(const char *where, int passive)
{
	char host[200] = "", *colon;
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET, .ai_flags = passive ? AI_PASSIVE : 0},
			*list;
	snprintf(host, sizeof host, "%s%s", passive ? ":" : "", where);
	colon = strrchr(host, ':');
	*colon = 0;
	if (getaddrinfo(passive ? NULL : host, colon + 1, &hint, &list) != 0)
		exit(2);
	return list;
}

static void add(int from, int to)
{
	struct way *w = calloc(1, sizeof *w);
	w->from = from;
	w->to = to;
	fcntl(from, F_SETFL, O_NONBLOCK);
	ways[count++] = w;
}

static void pass(struct way *w, int ready)
{
	ssize_t n;
	if (w->size == 0 && !w->ended && ready) {
		n = read(w->from, w->buffer, ROOM);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			w->ended = 1;
		w->at = 0;
		w->size = n > 0 ? (size_t)n : 0;
	}
	if (w->size > 0) {
		n = write(w->to, w->buffer + w->at, w->size);
		if (n < 0 && errno != EAGAIN) {
			w->ended = 1;
			w->size = 0;
		}
		if (n > 0)
			w->at += (size_t)n, w->size -= (size_t)n, w->bytes += n;
	}
	if (w->ended && w->size == 0 && !w->over) {
		shutdown(w->to, SHUT_WR);
		w->over = 1;
	}
}

static void accept_one(int listener, const struct addrinfo *to)
{
	int in = accept(listener, NULL, NULL), out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (in < 0 || connect(out, to->ai_addr, to->ai_addrlen) < 0) {
		perror("passes");
		exit(2);
	}
	fcntl(in, F_SETFD, FD_CLOEXEC);
	add(in, out);
	add(out, in);
	printf("%d passed on\n", count / 2);
}

/* Both directions are over: neither socket is needed any more. */
static void sweep(void)
{
	for (int i = 0; i < count; i += 2)
		if (ways[i]->from >= 0 && ways[i]->over && ways[i + 1]->over) {
			printf("over: %lld bytes, and back %lld\n", ways[i]->bytes, ways[i + 1]->bytes);
			close(ways[i]->from);
			close(ways[i]->to);
			ways[i]->from = ways[i]->to = ways[i + 1]->from = ways[i + 1]->to = -1;
			rest--;
		}
}

int main(int argc, char **argv)
{
	struct pollfd p[2 * MOST + 1];
	int yes = 1, listener;
	if (argc < 4 || (rest = atoi(argv[3])) > MOST / 2)
		return 2;
	int left = rest;
	struct addrinfo *at = look_up(argv[1], 1), *to = look_up(argv[2], 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(listener, at->ai_addr, at->ai_addrlen) < 0 || listen(listener, MOST) < 0) {
		perror(argv[1]);
		return 2;
	}
	printf("ready\n");
	while (rest > 0) {
		for (int i = 0; i < count; i++) {
			struct way *w = ways[i];
			p[2 * i] = (struct pollfd){.fd = w->size == 0 && !w->ended ? w->from : -1, .events = POLLIN};
			p[2 * i + 1] = (struct pollfd){.fd = w->size > 0 ? w->to : -1, .events = POLLOUT};
		}
		p[2 * count] = (struct pollfd){.fd = left > 0 ? listener : -1, .events = POLLIN};
		int n = count;
		pmig_safepoint();
		if (poll(p, 2 * (nfds_t)n + 1, -1) < 0)
			continue;
		for (int i = 0; i < n; i++)
			if (p[2 * i].revents != 0 || p[2 * i + 1].revents != 0)
				pass(ways[i], p[2 * i].revents != 0);
		if (p[2 * n].revents != 0) {
			accept_one(listener, to);
			if (--left == 0)
				close(listener);
		}
		sweep();
	}
	return 0;
}
