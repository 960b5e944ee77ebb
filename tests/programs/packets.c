/* packets: talks to three peers, of which none takes part: UDP with connect(), a unix socket of datagrams with connect(), and packets
 * (SOCK_SEQPACKET). packets HOST PORT PATH: the peers are there, at PATH-datagram and at PATH-packet; its own datagram socket is PATH-own. Each
 * message is sent back as it is; it has another length and goes by other calls each round. Whoever has it run says the number of rounds on
 * standard input. In the end the packets are half closed: the peer says how many it got, and ends. */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define PEERS 3

static const char *const names[PEERS] = {"udp", "unix datagram", "packet"};
static struct sockaddr_storage peers[PEERS];
static socklen_t sizes[PEERS];
static int fds[PEERS], round_now;

static void check(int good, const char *who, const char *what)
{
	if (!good) {
		printf("WRONG: round %d: %s: %s (%s)\n", round_now, who, what, strerror(errno));
		exit(1);
	}
}

static void set_unix(struct sockaddr_storage *to, socklen_t *size, const char *path, const char *suffix)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof a.sun_path, "%s-%s", path, suffix);
	memcpy(to, &a, sizeof a);
	*size = sizeof a;
}

static void open_all(char **argv)
{
	struct sockaddr_in *in = (void *)&peers[0];
	struct sockaddr_storage own;
	socklen_t size;
	struct timeval limit = {20, 0};
	*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
	check(inet_pton(AF_INET, argv[1], &in->sin_addr) == 1, "udp", argv[1]);
	sizes[0] = sizeof *in;
	set_unix(&peers[1], &sizes[1], argv[3], "datagram");
	set_unix(&peers[2], &sizes[2], argv[3], "packet");
	set_unix(&own, &size, argv[3], "own");
	for (int i = 0; i < PEERS; i++) {
		fds[i] = socket(i == 0 ? AF_INET : AF_UNIX, (i == 2 ? SOCK_SEQPACKET : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
		check(fds[i] >= 0 && (i != 1 || bind(fds[i], (struct sockaddr *)&own, size) == 0) &&
				connect(fds[i], (struct sockaddr *)&peers[i], sizes[i]) == 0 &&
				setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0,
			names[i], "connect");
	}
}

/* It knows its peer. */
static void look(int i)
{
	struct sockaddr_storage a;
	socklen_t size = sizeof a;
	struct timeval limit = {0, 0};
	check(getpeername(fds[i], (struct sockaddr *)&a, &size) == 0 && a.ss_family == peers[i].ss_family, names[i],
		"its peer");
	check(i == 0 ? memcmp(&a, &peers[0], sizes[0]) == 0
		     : strcmp(((struct sockaddr_un *)&a)->sun_path, ((struct sockaddr_un *)&peers[i])->sun_path) == 0,
		names[i], "which it is");
	size = sizeof limit;
	check(getsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, &size) == 0 && limit.tv_sec == 20, names[i],
		"how long it waits");
}

static ssize_t put(int fd, char *text, size_t n, int way)
{
	struct iovec parts[] = {{text, n / 2}, {text + n / 2, n - n / 2}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	switch (way % 4) {
	case 0:
		return send(fd, text, n, MSG_NOSIGNAL);
	case 1:
		return write(fd, text, n);
	case 2:
		return sendmsg(fd, &m, 0);
	default:
		return writev(fd, parts, 2);
	}
}

static ssize_t get(int fd, char *to, size_t room, int way)
{
	struct iovec parts[] = {{to, 100}, {to + 100, room - 100}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	switch (way % 5) {
	case 0:
		return recv(fd, to, room, 0);
	case 1:
		return read(fd, to, room);
	case 2:
		return recvmsg(fd, &m, 0);
	case 3:
		return readv(fd, parts, 2);
	default:
		return poll(&p, 1, 20000) == 1 ? recv(fd, to, room, MSG_DONTWAIT) : -1;
	}
}

static void talk(int i, int round)
{
	static char out[2000], in[2000];
	size_t n = (size_t)snprintf(out, sizeof out, "%d ", round), length = n + (size_t)(round * 37 % 1400);
	memset(out + n, 'a' + round % 26, length - n);
	check(put(fds[i], out, length, round) == (ssize_t)length, names[i], "what is sent");
	ssize_t got = get(fds[i], in, sizeof in, round / 3);
	check(got == (ssize_t)length && memcmp(in, out, length) == 0, names[i], "what comes back");
}

static void finish(int rounds)
{
	char text[64] = "", wanted[64];
	snprintf(wanted, sizeof wanted, "%d and no more", rounds);
	check(shutdown(fds[2], SHUT_WR) == 0, names[2], "shutdown");
	check(send(fds[2], "late", 4, MSG_NOSIGNAL) < 0 && errno == EPIPE, names[2], "nothing is sent behind the end");
	check(recv(fds[2], text, sizeof text - 1, 0) == (ssize_t)strlen(wanted) && strcmp(text, wanted) == 0, names[2],
		text);
	check(recv(fds[2], text, sizeof text, 0) == 0, names[2], "the end");
}

int main(int argc, char **argv)
{
	char before[65] = "", host[65] = "", text[32] = "";
	struct pollfd input = {.fd = 0, .events = POLLIN};
	int round = 0, last = -1, hop = 0;
	if (argc != 4)
		return 2;
	open_all(argv);
	while (last < 0 || round < last) {
		round_now = ++round;
		for (int i = 0; i < PEERS; i++)
			talk(i, round);
		gethostname(host, sizeof host - 1);
		if (strcmp(host, before) != 0) {
			for (int i = 0; i < PEERS; i++)
				if (getenv("LOOK"))
					look(i);
			printf("hop %d %s, round %d\n", hop++, host, round);
			fflush(stdout);
		}
		memcpy(before, host, sizeof before);
		if (last < 0 && poll(&input, 1, 0) > 0) {
			ssize_t n = read(0, text, sizeof text - 1);
			last = round + (n > 0 ? atoi(text) : 0);
		}
	}
	finish(round);
	printf("done %d\n", round);
	return 0;
}
