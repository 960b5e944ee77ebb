/* socket_options: a table of options. */
#include "socket_options.h"

#include "../reference/replaced.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* clang-format off */
static const struct option {
	int level, name;
	unsigned size, halve; /* bytes; the kernel doubles what it is told */
} options[] = {
	{SOL_SOCKET, SO_REUSEADDR, 4, 0}, {SOL_SOCKET, SO_REUSEPORT, 4, 0}, {SOL_SOCKET, SO_KEEPALIVE, 4, 0},
	{SOL_SOCKET, SO_BROADCAST, 4, 0}, {SOL_SOCKET, SO_OOBINLINE, 4, 0}, {SOL_SOCKET, SO_DONTROUTE, 4, 0},
	{SOL_SOCKET, SO_PRIORITY, 4, 0}, {SOL_SOCKET, SO_PASSCRED, 4, 0}, {SOL_SOCKET, SO_PASSSEC, 4, 0}, {SOL_SOCKET, SO_TIMESTAMP, 4, 0},
	{SOL_SOCKET, SO_TIMESTAMPNS, 4, 0}, {SOL_SOCKET, SO_RCVLOWAT, 4, 0}, {SOL_SOCKET, SO_MARK, 4, 0},
	{SOL_SOCKET, SO_BUSY_POLL, 4, 0}, {SOL_SOCKET, SO_NO_CHECK, 4, 0}, {SOL_SOCKET, SO_RXQ_OVFL, 4, 0},
	{SOL_SOCKET, SO_SNDBUF, 4, 1}, {SOL_SOCKET, SO_RCVBUF, 4, 1},
	{SOL_SOCKET, SO_LINGER, sizeof(struct linger), 0},
	{SOL_SOCKET, SO_RCVTIMEO, sizeof(struct timeval), 0}, {SOL_SOCKET, SO_SNDTIMEO, sizeof(struct timeval), 0},
	{IPPROTO_TCP, TCP_NODELAY, 4, 0}, {IPPROTO_TCP, TCP_CORK, 4, 0}, {IPPROTO_TCP, TCP_KEEPIDLE, 4, 0},
	{IPPROTO_TCP, TCP_KEEPINTVL, 4, 0}, {IPPROTO_TCP, TCP_KEEPCNT, 4, 0}, {IPPROTO_TCP, TCP_SYNCNT, 4, 0},
	{IPPROTO_TCP, TCP_LINGER2, 4, 0}, {IPPROTO_TCP, TCP_DEFER_ACCEPT, 4, 0}, {IPPROTO_TCP, TCP_QUICKACK, 4, 0},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, 4, 0}, {IPPROTO_TCP, TCP_FASTOPEN, 4, 0}, {IPPROTO_TCP, TCP_SAVE_SYN, 4, 0},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4, 0},
	{IPPROTO_UDP, UDP_CORK, 4, 0}, {IPPROTO_UDP, UDP_SEGMENT, 4, 0}, {IPPROTO_UDP, UDP_GRO, 4, 0},
	{IPPROTO_IP, IP_TOS, 4, 0}, {IPPROTO_IP, IP_TTL, 4, 0}, {IPPROTO_IP, IP_PKTINFO, 4, 0}, {IPPROTO_IP, IP_RECVTOS, 4, 0},
	{IPPROTO_IP, IP_RECVTTL, 4, 0}, {IPPROTO_IP, IP_RECVERR, 4, 0}, {IPPROTO_IP, IP_MTU_DISCOVER, 4, 0},
	{IPPROTO_IP, IP_FREEBIND, 4, 0}, {IPPROTO_IP, IP_TRANSPARENT, 4, 0}, {IPPROTO_IP, IP_RECVORIGDSTADDR, 4, 0},
	{IPPROTO_IP, IP_MULTICAST_TTL, 4, 0}, {IPPROTO_IP, IP_MULTICAST_LOOP, 4, 0}, {IPPROTO_IP, IP_MULTICAST_ALL, 4, 0},
	{IPPROTO_IPV6, IPV6_V6ONLY, 4, 0}, {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 4, 0}, {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 4, 0},
	{IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 4, 0}, {IPPROTO_IPV6, IPV6_RECVPKTINFO, 4, 0}, {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 4, 0},
	{IPPROTO_IPV6, IPV6_RECVTCLASS, 4, 0}, {IPPROTO_IPV6, IPV6_TCLASS, 4, 0}, {IPPROTO_IPV6, IPV6_RECVERR, 4, 0},
	{IPPROTO_IPV6, IPV6_MTU_DISCOVER, 4, 0}, {IPPROTO_IPV6, IPV6_FREEBIND, 4, 0},
};

/* Those that are only told. */
static const struct option told[] = {
	{SOL_SOCKET, SO_PEERCRED, 12, 0}, {SOL_SOCKET, SO_INCOMING_CPU, 4, 0}, {IPPROTO_TCP, TCP_MAXSEG, 4, 0},
	{IPPROTO_TCP, TCP_CONGESTION, 16, 0}, {IPPROTO_IP, IP_MTU, 4, 0}, {IPPROTO_IPV6, IPV6_MTU, 4, 0},
};

/* Those that no call tells again. */
static const struct {
	int level, name;
	const char *words;
} hidden[] = {
	{IPPROTO_IP, IP_ADD_MEMBERSHIP, "it has joined a multicast group"},
	{IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, "it has joined a multicast group"},
	{IPPROTO_IP, MCAST_JOIN_GROUP, "it has joined a multicast group"},
	{IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, "it has joined a multicast group"},
	{IPPROTO_IP, IP_MULTICAST_IF, "it has chosen an interface for multicast"},
	{IPPROTO_IPV6, IPV6_JOIN_GROUP, "it has joined a multicast group"},
	{IPPROTO_IPV6, MCAST_JOIN_GROUP, "it has joined a multicast group"},
	{IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, "it has joined a multicast group"},
	{IPPROTO_IPV6, IPV6_MULTICAST_IF, "it has chosen an interface for multicast"},
	{SOL_SOCKET, SO_BINDTODEVICE, "it is bound to a network interface"},
	{SOL_SOCKET, SO_ATTACH_FILTER, "it has a filter"},
	{SOL_SOCKET, SO_ATTACH_BPF, "it has a filter"},
	{SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, "it has a filter"},
	{SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, "it has a filter"},
	{IPPROTO_TCP, TCP_MD5SIG, "it has keys for its packets"},
	{IPPROTO_TCP, TCP_ULP, "its bytes go through a layer of the kernel (TCP_ULP)"},
	{IPPROTO_TCP, TCP_CONGESTION, "it has chosen how it avoids congestion (TCP_CONGESTION)"},
};
/* clang-format on */

#define COUNT (sizeof options / sizeof *options)
#define SIZE_MAX_OF_ONE SOCKET_OPTION_SIZE
#define MARKED_MAX 256

/* Sockets with something hidden. Of this process only: one that is carried has nothing hidden. */
static struct marked {
	dev_t device;
	ino_t inode;
	const char *words;
} marked[MARKED_MAX];
static size_t marked_n;

static bool ask(int fd, const struct option *o, unsigned char ret[SIZE_MAX_OF_ONE])
{
	socklen_t size = SIZE_MAX_OF_ONE;
	memset(ret, 0, SIZE_MAX_OF_ONE);
	return getsockopt(fd, o->level, o->name, ret, &size) == 0 && size <= o->size;
}

static int number(int fd, int name)
{
	int value = 0;
	socklen_t size = sizeof value;
	(void)getsockopt(fd, SOL_SOCKET, name, &value, &size);
	return value;
}

int socket_options_save(int fd, struct pmig_writer *w)
{
	unsigned char now[SIZE_MAX_OF_ONE], usual[SIZE_MAX_OF_ONE];
	int other = socket(number(fd, SO_DOMAIN), number(fd, SO_TYPE) | SOCK_CLOEXEC, number(fd, SO_PROTOCOL));
	if (other < 0)
		return error_errno(PMIG_EIO, errno, "no second socket of its sort");
	for (size_t i = 0; i < COUNT; i++) {
		if (!ask(fd, &options[i], now) || !ask(other, &options[i], usual) || memcmp(now, usual, sizeof now) == 0)
			continue;
		uint64_t words[2];
		memcpy(words, now, sizeof words);
		pmig_write_number(w, i + 1);
		pmig_write_number(w, options[i].halve ? words[0] / 2 : words[0]);
		pmig_write_number(w, words[1]);
	}
	pmig_write_number(w, 0);
	(void)close(other);
	return 0;
}

int socket_options_restore(int fd, struct pmig_reader *in)
{
	for (uint64_t i; (i = pmig_read_number(in)) != 0;) {
		uint64_t words[2];
		words[0] = pmig_read_number(in);
		words[1] = pmig_read_number(in);
		if (pmig_read_check(in) < 0 || i > COUNT)
			return error_set(PMIG_ECORRUPT, "its options are damaged");
		const struct option *o = &options[i - 1];
		if (setsockopt(fd, o->level, o->name, words, o->size) < 0)
			return error_errno(PMIG_EREFUSED, errno, "option %d of level %d cannot be set here", o->name,
				o->level);
	}
	return pmig_read_check(in);
}

static void look(int fd, const struct option *o, struct socket_option *ret, size_t room, size_t *n)
{
	struct socket_option one = {.level = o->level, .name = o->name, .size = o->size};
	if (*n < room && ask(fd, o, one.value))
		ret[(*n)++] = one;
}

size_t socket_options_look(int fd, struct socket_option *ret, size_t room)
{
	size_t n = 0;
	for (size_t i = 0; i < COUNT; i++)
		look(fd, &options[i], ret, room, &n);
	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		look(fd, &told[i], ret, room, &n);
	return n;
}

static const struct option *known(int level, int name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (options[i].level == level && options[i].name == name)
			return &options[i];
	return NULL;
}

/* The kernel doubles an int. */
static void scale(struct socket_option *o, bool up)
{
	int32_t number;
	memcpy(&number, o->value, sizeof number);
	number = !up ? number / 2 : number > INT32_MAX / 2 ? INT32_MAX : number * 2;
	memcpy(o->value, &number, sizeof number);
}

bool socket_options_put(int fd, const struct socket_option *o)
{
	unsigned char now[SIZE_MAX_OF_ONE];
	const struct option *k = known(o->level, o->name);
	struct socket_option to = *o;
	if (k == NULL || o->size != k->size)
		return false;
	if (ask(fd, k, now) && memcmp(now, o->value, k->size) == 0)
		return true;
	if (k->halve != 0)
		scale(&to, false);
	return setsockopt(fd, k->level, k->name, to.value, k->size) == 0;
}

void socket_options_told(struct socket_option *o)
{
	const struct option *k = known(o->level, o->name);
	if (k != NULL && k->halve != 0 && o->size == sizeof(int32_t))
		scale(o, true);
}

const char *socket_options_hidden(const struct stat *st)
{
	for (size_t i = 0; i < marked_n; i++)
		if (marked[i].inode == st->st_ino && marked[i].device == st->st_dev)
			return marked[i].words;
	return NULL;
}

static void mark(int fd, const char *words)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || socket_options_hidden(&st) != NULL)
		return;
	size_t at = marked_n < MARKED_MAX ? marked_n++ : MARKED_MAX - 1;
	marked[at] = (struct marked){st.st_dev, st.st_ino, words};
}

int pmig_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	int r;
	if (calls_socket_set(fd, level, name, value, size, &r))
		return r;
	r = setsockopt(fd, level, name, value, size);
	for (size_t i = 0; r == 0 && i < sizeof hidden / sizeof *hidden; i++)
		if (hidden[i].level == level && hidden[i].name == name)
			mark(fd, hidden[i].words);
	return r;
}
