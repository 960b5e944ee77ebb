/* socket_sort: by getsockopt(2), and by sock_diag(7) for what that does not tell. */
#include "socket_sort.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static const struct {
	const char *word;
	int family, type, protocol; /* family 0: either internet */
} sorts[] = {
	{"tcp", 0, SOCK_STREAM, IPPROTO_TCP},
	{"udp", 0, SOCK_DGRAM, IPPROTO_UDP},
	{"unix", AF_UNIX, SOCK_STREAM, 0},
	{"unix-datagram", AF_UNIX, SOCK_DGRAM, 0},
	{"unix-packet", AF_UNIX, SOCK_SEQPACKET, 0},
};

static int option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof value;
	return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

/* Which of `sorts`; -1: none. */
static int sort_index(int family, int type, int protocol)
{
	for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++) {
		bool internet = family == AF_INET || family == AF_INET6;
		if (type == sorts[i].type && (sorts[i].family == 0 ? internet : family == sorts[i].family) &&
			(sorts[i].family != 0 || protocol == sorts[i].protocol))
			return (int)i;
	}
	return -1;
}

/* A new one only hangs up: tcp_poll() in the kernel. */
static bool has_ended(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLERR)) != 0;
}

enum socket_sort socket_sort_of(int fd)
{
	int family = option(fd, SO_DOMAIN), type = option(fd, SO_TYPE);
	struct sockaddr_storage peer;
	struct tcp_info info;
	socklen_t size = sizeof peer, info_size = sizeof info;
	if (sort_index(family, type, option(fd, SO_PROTOCOL)) < 0)
		return SOCKET_OTHER;
	if (option(fd, SO_ACCEPTCONN) == 1)
		return SOCKET_ALONE;
	if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0)
		return family == AF_UNIX ? SOCKET_PAIRED : SOCKET_CONNECTED;
	if (family != AF_UNIX && type == SOCK_STREAM &&
		(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_size) < 0 || info.tcpi_state != TCP_CLOSE ||
			has_ended(fd)))
		return SOCKET_CONNECTED; /* being made, being ended, or over with something left to be read */
	return SOCKET_ALONE;
}

static void take_attribute(const struct rtattr *a, struct socket_unix *ret)
{
	uint32_t number;
	if (a->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(a) >= sizeof number) {
		memcpy(&number, RTA_DATA(a), sizeof number);
		ret->peer = number;
	} else if (a->rta_type == UNIX_DIAG_NAME) {
		ret->bound = true;
	} else if (a->rta_type == UNIX_DIAG_RQLEN && RTA_PAYLOAD(a) >= sizeof(struct unix_diag_rqlen)) {
		struct unix_diag_rqlen q;
		memcpy(&q, RTA_DATA(a), sizeof q);
		ret->waiting = q.udiag_rqueue;
		ret->backlog = q.udiag_wqueue;
	}
}

/* One question about one socket, and its answer. */
static bool ask(int netlink, uint64_t inode, char *answer, size_t size, size_t *ret_size)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req request;
	} question = {
		.head = {.nlmsg_len = sizeof question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
		.request = {.sdiag_family = AF_UNIX,
			.udiag_states = ~0u,
			.udiag_ino = (uint32_t)inode,
			.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN,
			.udiag_cookie = {~0u, ~0u}},
	};
	ssize_t n = send(netlink, &question, sizeof question, 0) == (ssize_t)sizeof question ? recv(netlink, answer, size, 0)
											     : -1;
	*ret_size = n > 0 ? (size_t)n : 0;
	return n > 0;
}

bool socket_unix_look(uint64_t inode, struct socket_unix *ret)
{
	_Alignas(struct nlmsghdr) char answer[4096];
	size_t n = 0;
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	bool asked = netlink >= 0 && ask(netlink, inode, answer, sizeof answer, &n);
	if (netlink >= 0)
		(void)close(netlink);
	const struct nlmsghdr *h = (const struct nlmsghdr *)answer;
	if (!asked || !NLMSG_OK(h, n) || h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
		h->nlmsg_len < NLMSG_LENGTH(sizeof(struct unix_diag_msg)))
		return false;
	const struct unix_diag_msg *m = NLMSG_DATA(h);
	*ret = (struct socket_unix){.listens = m->udiag_state == TCP_LISTEN};
	int rest = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof *m));
	for (const struct rtattr *a = (const struct rtattr *)(m + 1); RTA_OK(a, rest); a = RTA_NEXT(a, rest))
		take_attribute(a, ret);
	return true;
}

static void internet_text(const struct socket_place *p, char *out, size_t size)
{
	const struct sockaddr_in *four = (const void *)&p->address;
	const struct sockaddr_in6 *six = (const void *)&p->address;
	char host[INET6_ADDRSTRLEN] = "?";
	if (p->family == AF_INET) {
		(void)inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
		(void)snprintf(out, size, "%s:%u", host, ntohs(four->sin_port));
	} else {
		(void)inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
		(void)snprintf(out, size, "[%s]:%u", host, ntohs(six->sin6_port));
	}
}

static void unix_text(const struct socket_place *p, char *out, size_t size)
{
	const struct sockaddr_un *a = (const void *)&p->address;
	size_t n = p->size > offsetof(struct sockaddr_un, sun_path) ? p->size - offsetof(struct sockaddr_un, sun_path) : 0;
	if (n > sizeof a->sun_path)
		n = sizeof a->sun_path;
	if (n > 0 && a->sun_path[0] == '\0')
		(void)snprintf(out, size, "@%.*s", (int)(n - 1), a->sun_path + 1);
	else
		(void)snprintf(out, size, "%.*s", (int)n, a->sun_path);
}

void socket_place_text(const struct socket_place *p, char ret_text[SOCKET_TEXT_MAX])
{
	char where[SOCKET_TEXT_MAX - 16] = "";
	int i = sort_index(p->family, p->type, p->protocol);
	if (p->size > 0 && p->family == AF_UNIX)
		unix_text(p, where, sizeof where);
	else if (p->size > 0)
		internet_text(p, where, sizeof where);
	(void)snprintf(ret_text, SOCKET_TEXT_MAX, "%s%s%s", i < 0 ? "socket" : sorts[i].word, where[0] != '\0' ? " " : "",
		where);
}

/* A port of 0 is no address: the kernel has not given one yet. */
static bool is_bound(const struct socket_place *p)
{
	const struct sockaddr_in *four = (const void *)&p->address; /* the port lies in the same place in both */
	return p->family == AF_UNIX ? p->size > sizeof(sa_family_t) : four->sin_port != 0;
}

void socket_text(int fd, char ret_text[SOCKET_TEXT_MAX])
{
	struct socket_place p = {
		.family = option(fd, SO_DOMAIN), .type = option(fd, SO_TYPE), .protocol = option(fd, SO_PROTOCOL)};
	p.size = sizeof p.address;
	if (getsockname(fd, (struct sockaddr *)&p.address, &p.size) < 0 || !is_bound(&p))
		p.size = 0;
	socket_place_text(&p, ret_text);
}

bool socket_has_messages(int fd)
{
	int type = option(fd, SO_TYPE);
	return type == SOCK_DGRAM || (type == SOCK_SEQPACKET && option(fd, SO_ACCEPTCONN) != 1);
}

bool socket_is_bound(int fd)
{
	struct socket_place p = {.family = option(fd, SO_DOMAIN), .size = sizeof p.address};
	return getsockname(fd, (struct sockaddr *)&p.address, &p.size) == 0 && is_bound(&p);
}

bool socket_peer_has_name(int fd)
{
	struct sockaddr_un peer;
	socklen_t size = sizeof peer;
	return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && size > sizeof peer.sun_family;
}

static int parse_internet(const char *text, struct socket_place *ret)
{
	struct sockaddr_in *four = (void *)&ret->address;
	struct sockaddr_in6 *six = (void *)&ret->address;
	char host[INET6_ADDRSTRLEN + 2] = "";
	const char *colon = strrchr(text, ':');
	char *end;
	long port = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
	if (colon == NULL || *end != '\0' || port < 0 || port > 65535 || (size_t)(colon - text) >= sizeof host)
		return PMIG_EINVAL;
	bool brackets = text[0] == '[' && colon[-1] == ']';
	(void)snprintf(host, sizeof host, "%.*s", (int)(colon - text) - 2 * brackets, text + brackets);
	ret->family = brackets ? AF_INET6 : AF_INET;
	ret->size = brackets ? sizeof *six : sizeof *four;
	if (brackets)
		*six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	else
		*four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(ret->family, host, brackets ? (void *)&six->sin6_addr : (void *)&four->sin_addr) == 1 ? 0
													       : PMIG_EINVAL;
}

static int parse_unix(const char *text, struct socket_place *ret)
{
	struct sockaddr_un *a = (void *)&ret->address;
	size_t n = strlen(text);
	if (n > sizeof a->sun_path - (text[0] != '@'))
		return PMIG_EINVAL;
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path, text, n);
	if (text[0] == '@')
		a->sun_path[0] = '\0';
	ret->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (text[0] != '@'));
	return 0;
}

int socket_parse(const char *text, struct socket_place *ret)
{
	size_t n = strcspn(text, " ");
	for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++) {
		if (strlen(sorts[i].word) != n || strncmp(sorts[i].word, text, n) != 0)
			continue;
		struct socket_place p = {.family = sorts[i].family, .type = sorts[i].type, .protocol = sorts[i].protocol};
		int r = text[n] == '\0'       ? 0
			: p.family == AF_UNIX ? parse_unix(text + n + 1, &p)
					      : parse_internet(text + n + 1, &p);
		if (r >= 0)
			*ret = p;
		return r < 0 ? error_set(r, "%s is no address of a socket", text) : 0;
	}
	return error_set(PMIG_EINVAL, "%s is no sort of socket", text);
}
