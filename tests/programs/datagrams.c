/* datagrams: a plain server of datagrams that declares nothing. datagrams udp ADDRESS PORT; or datagrams unix PATH. Each datagram is
 * answered to whom it came from with "HOST COUNT: " and its text, by recvfrom() and sendto(), which wait. What begins so is done first:
 *   "end"         ends the server            "peek"     looks at the next one (MSG_PEEK, MSG_TRUNC, FIONREAD), then takes it
 *   "many N"      takes N with recvmmsg() and answers them all with one sendmmsg()
 *   "short"       receives the next one into 4 bytes
 *   "nap"         reads a byte of standard input first
 *   "ttl N"       sets IP_TTL; what it is then, and whether a nonsensical one is refused, is said
 *   "nobody"      connects to a port of loopback where nobody is, finds ECONNREFUSED, and is without a peer again
 *   "join ADDRESS"  takes what is sent to the group 239.1.2.3 at the interface with that address
 *   "close"       closes its socket, and ends when a byte has come on standard input */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MANY 8

static int fd, count;

struct peer {
	struct sockaddr_storage at;
	socklen_t size;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void check(int good, const char *what)
{
	if (!good) {
		printf("WRONG: %s (%s)\n", what, strerror(errno));
		exit(1);
	}
}

/* "HOST COUNT: TEXT" */
static size_t answer(char *to, size_t size, const char *text)
{
	char host[65] = "";
	gethostname(host, sizeof host - 1);
	return (size_t)snprintf(to, size, "%s %d: %s", host, ++count, text);
}

static void reply(const struct peer *p, const char *text)
{
	char out[1024];
	size_t n = answer(out, sizeof out, text);
	if (sendto(fd, out, n, 0, (const struct sockaddr *)&p->at, p->size) != (ssize_t)n)
		die("sendto");
}

static void do_peek(void)
{
	char first[4], whole[256] = "", text[600];
	int waiting = 0;
	struct peer a = {.size = sizeof a.at}, b = {.size = sizeof b.at};
	ssize_t all = recvfrom(fd, first, sizeof first, MSG_PEEK | MSG_TRUNC, (struct sockaddr *)&a.at, &a.size);
	check(ioctl(fd, FIONREAD, &waiting) == 0 && waiting == all, "FIONREAD");
	ssize_t n = recvfrom(fd, whole, sizeof whole - 1, 0, (struct sockaddr *)&b.at, &b.size);
	check(n == all && memcmp(first, whole, sizeof first) == 0, "what was looked at is what came");
	check(a.size == b.size && memcmp(&a.at, &b.at, a.size) == 0, "and from whom");
	snprintf(text, sizeof text, "peeked %zd %s", all, whole);
	reply(&b, text);
}

static void do_short(void)
{
	char four[4] = "", next[8] = "", text[64];
	struct iovec part = {four, sizeof four};
	struct peer p = {.size = sizeof p.at};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_name = &p.at, .msg_namelen = sizeof p.at};
	ssize_t n = recvmsg(fd, &m, 0);
	p.size = m.msg_namelen;
	check(n == 4 && (m.msg_flags & MSG_TRUNC) != 0, "a datagram is cut off");
	check(recv(fd, next, sizeof next, MSG_DONTWAIT) < 0 && errno == EAGAIN, "and its rest is gone");
	snprintf(text, sizeof text, "short %.4s", four);
	reply(&p, text);
}

static void do_many(int n)
{
	static char in[MANY][64], out[MANY][160];
	struct iovec to[MANY], from[MANY];
	struct peer peers[MANY];
	struct mmsghdr take[MANY], give[MANY];
	memset(take, 0, sizeof take), memset(give, 0, sizeof give), memset(in, 0, sizeof in);
	for (int i = 0; i < n; i++) {
		to[i] = (struct iovec){in[i], sizeof in[i] - 1};
		take[i].msg_hdr = (struct msghdr){
			.msg_iov = &to[i], .msg_iovlen = 1, .msg_name = &peers[i].at, .msg_namelen = sizeof peers[i].at};
	}
	int got = 0;
	while (got < n) {
		int r = recvmmsg(fd, take + got, (unsigned)(n - got), MSG_WAITFORONE, NULL);
		check(r > 0, "recvmmsg");
		got += r;
	}
	for (int i = 0; i < n; i++) {
		check(take[i].msg_len == strlen(in[i]), "its length");
		from[i] = (struct iovec){out[i], answer(out[i], sizeof out[i], in[i])};
		give[i].msg_hdr = (struct msghdr){.msg_iov = &from[i],
			.msg_iovlen = 1,
			.msg_name = &peers[i].at,
			.msg_namelen = take[i].msg_hdr.msg_namelen};
	}
	check(sendmmsg(fd, give, (unsigned)n, 0) == n && give[n - 1].msg_len == from[n - 1].iov_len, "sendmmsg");
}

static void do_nap(void)
{
	char c;
	printf("napping\n");
	fflush(stdout);
	check(read(0, &c, 1) == 1, "a byte");
}

static void do_ttl(const struct peer *p, int ttl)
{
	int now = 0, none = 5000;
	socklen_t size = sizeof now;
	char text[64];
	check(setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) == 0, "IP_TTL");
	check(setsockopt(fd, IPPROTO_IP, IP_TTL, &none, sizeof none) < 0 && errno == EINVAL, "a nonsensical one");
	check(getsockopt(fd, IPPROTO_IP, IP_TTL, &now, &size) == 0, "what it is");
	snprintf(text, sizeof text, "ttl %d", now);
	reply(p, text);
}

static void do_nobody(const struct peer *p)
{
	char text[16];
	struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct peer peer = {.size = sizeof peer.at};
	check(connect(fd, (struct sockaddr *)&nobody, sizeof nobody) == 0, "connect");
	check(getpeername(fd, (struct sockaddr *)&peer.at, &peer.size) == 0 && memcmp(&peer.at, &nobody, 8) == 0,
		"the peer");
	check(send(fd, "anybody?", 8, 0) == 8, "send");
	check(recv(fd, text, sizeof text, 0) < 0 && errno == ECONNREFUSED, "nobody is there");
	check(connect(fd, &none, sizeof none) == 0, "no peer any more");
	reply(p, "nobody");
}

static void do_join(const struct peer *p, const char *address)
{
	struct ip_mreq group = {.imr_multiaddr.s_addr = htonl(0xef010203)};
	check(inet_pton(AF_INET, address, &group.imr_interface) == 1, address);
	check(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0, "a group");
	reply(p, "joined");
}

static void do_close(void)
{
	char c;
	close(fd);
	printf("closed\n");
	fflush(stdout);
	exit(read(0, &c, 1) == 1 ? 0 : 1);
}

static int serve(void)
{
	char asked[512] = "";
	struct peer p = {.size = sizeof p.at};
	ssize_t n = recvfrom(fd, asked, sizeof asked - 1, 0, (struct sockaddr *)&p.at, &p.size);
	if (n < 0)
		die("recvfrom");
	int many = 0, ttl = 0;
	if (sscanf(asked, "many %d", &many) == 1 && many > 0 && many <= MANY)
		do_many(many);
	else if (strcmp(asked, "peek") == 0)
		do_peek();
	else if (strcmp(asked, "short") == 0)
		do_short();
	else if (strcmp(asked, "nap") == 0)
		do_nap();
	else if (sscanf(asked, "ttl %d", &ttl) == 1)
		do_ttl(&p, ttl);
	else if (strcmp(asked, "nobody") == 0)
		do_nobody(&p);
	else if (strncmp(asked, "join ", 5) == 0)
		do_join(&p, asked + 5);
	else if (strcmp(asked, "close") == 0)
		do_close();
	else
		reply(&p, asked);
	return strcmp(asked, "end") == 0;
}

/* It has what it was given. */
static void look(const struct peer *bound)
{
	struct peer p = {.size = sizeof p.at};
	int yes = 0, type = 0;
	socklen_t size = sizeof yes;
	check(getsockname(fd, (struct sockaddr *)&p.at, &p.size) == 0 && p.size == bound->size &&
			memcmp(&p.at, &bound->at, p.size) == 0,
		"its address");
	check(getpeername(fd, (struct sockaddr *)&p.at, &p.size) < 0 && errno == ENOTCONN, "it has no peer");
	check(getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, &size) == 0 && yes == 1, "its option");
	check(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM, "its type");
}

int main(int argc, char **argv)
{
	int yes = 1;
	struct peer bound = {.size = 0}, named = {.size = sizeof named.at};
	if (argc == 4) {
		struct sockaddr_in *a = (void *)&bound.at;
		*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
		bound.size = sizeof *a;
		check(inet_pton(AF_INET, argv[2], &a->sin_addr) == 1, argv[2]);
	} else if (argc == 3) {
		struct sockaddr_un *a = (void *)&bound.at;
		a->sun_family = AF_UNIX;
		snprintf(a->sun_path, sizeof a->sun_path, "%s", argv[2]);
		bound.size = sizeof *a;
	} else {
		return 2;
	}
	fd = socket(bound.at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes) < 0 ||
		bind(fd, (struct sockaddr *)&bound.at, bound.size) < 0 ||
		getsockname(fd, (struct sockaddr *)&named.at, &named.size) < 0)
		die("bind");
	printf("ready\n");
	do {
		fflush(stdout);
		if (getenv("LOOK"))
			look(&named);
	} while (!serve());
	printf("served %d\n", count);
	return 0;
}
