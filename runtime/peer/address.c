/* address: names, numbers and sockets; address.h tells. */
#include "peer/address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]%";

/* Takes HOST:PORT or [HOST]:PORT apart; false: it is neither. */
static bool split(const char *address, char *host, size_t size, const char **ret_port)
{
	const char *colon = strrchr(address, ':');
	size_t length = colon != NULL ? (size_t)(colon - address) : 0;
	if (length == 0 || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	if (address[0] == '[') {
		if (length < 3 || colon[-1] != ']')
			return false;
		address++;
		length -= 2;
	} else if (memchr(address, ':', length) != NULL) {
		return false; /* IPv6 without brackets */
	}
	if (length >= size)
		return false;
	memcpy(host, address, length);
	host[length] = '\0';
	*ret_port = colon + 1;
	return true;
}

int pmig_peer_address_list(struct address_list *ret, const char *text)
{
	char host[80];
	const char *port;
	ret->count = 0;
	while (ret->count < PMIG_PEER_ADDRESSES && *text != '\0') {
		size_t length = strcspn(text, ", ");
		char *to = ret->text[ret->count];
		if (length > 0 && length < sizeof ret->text[0]) {
			memcpy(to, text, length);
			to[length] = '\0';
			if (strspn(to, allowed) == length && split(to, host, sizeof host, &port))
				ret->count++;
		}
		text += length + strspn(text + length, ", ");
	}
	return ret->count;
}

/* A socket for the address, as getaddrinfo() has it; < 0. *ret must be given back. */
static int look_up(const char *address, int flags, struct addrinfo **ret)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
	char host[80];
	const char *port;
	if (!split(address, host, sizeof host, &port))
		return PMIG_EINVAL;
	if (getaddrinfo(host, port, &hints, ret) != 0)
		return PMIG_EUNREACHED;
	int fd = socket((*ret)->ai_family, (*ret)->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, (*ret)->ai_protocol);
	if (fd >= 0)
		return fd;
	freeaddrinfo(*ret);
	return PMIG_EIO;
}

int pmig_peer_address_connect(const char *address, bool numeric, bool *ret_connecting)
{
	struct addrinfo *where;
	int fd = look_up(address, numeric ? AI_NUMERICHOST : 0, &where);
	if (fd < 0)
		return fd;
	int e = connect(fd, where->ai_addr, where->ai_addrlen) == 0 ? 0 : errno;
	freeaddrinfo(where);
	if (e != 0 && e != EINPROGRESS && e != EINTR) {
		close(fd);
		return PMIG_EUNREACHED;
	}
	*ret_connecting = e != 0;
	return fd;
}

int pmig_peer_address_listen(const char *address)
{
	struct addrinfo *where;
	int yes = 1, fd = look_up(address, AI_PASSIVE, &where);
	if (fd < 0)
		return fd == PMIG_EUNREACHED ? PMIG_EINVAL : fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	int e = bind(fd, where->ai_addr, where->ai_addrlen) == 0 && listen(fd, 128) == 0 ? 0 : errno;
	freeaddrinfo(where);
	if (e == 0)
		return fd;
	close(fd);
	return e == EADDRINUSE ? PMIG_EBUSY : e == EADDRNOTAVAIL ? PMIG_EINVAL : PMIG_EIO;
}

int pmig_peer_address_port(int fd, bool *ret_any)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} a = {.any = {.ss_family = AF_UNSPEC}};
	socklen_t size = sizeof a;
	*ret_any = false;
	if (getsockname(fd, (struct sockaddr *)&a, &size) < 0)
		return 0;
	if (a.any.ss_family == AF_INET) {
		*ret_any = a.four.sin_addr.s_addr == htonl(INADDR_ANY);
		return ntohs(a.four.sin_port);
	}
	if (a.any.ss_family != AF_INET6)
		return 0;
	*ret_any = IN6_IS_ADDR_UNSPECIFIED(&a.six.sin6_addr);
	return ntohs(a.six.sin6_port);
}

/* Can others reach this host at it? */
static bool is_reachable(const struct ifaddrs *i)
{
	if (i->ifa_addr == NULL || !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK))
		return false;
	if (i->ifa_addr->sa_family == AF_INET)
		return true;
	return i->ifa_addr->sa_family == AF_INET6 &&
		!IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr);
}

void pmig_peer_address_own(int port, char *ret)
{
	struct ifaddrs *all;
	size_t used = 0;
	ret[0] = '\0';
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		char host[NI_MAXHOST], text[sizeof host + 12];
		bool four = is_reachable(i) && i->ifa_addr->sa_family == AF_INET;
		socklen_t size = four ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
		if (!is_reachable(i) || getnameinfo(i->ifa_addr, size, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		int n = snprintf(text, sizeof text, four ? "%s%s:%d" : "%s[%s]:%d", used > 0 ? "," : "", host, port);
		if (used + (size_t)n > FRAME_TEXT)
			break;
		memcpy(ret + used, text, (size_t)n + 1);
		used += (size_t)n;
	}
	freeifaddrs(all);
}

/* HOST:PORT of one end of a connection; "" if there is none. */
static void name(int (*ask)(int, struct sockaddr *, socklen_t *), int fd, char *ret, size_t size)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof a;
	char host[NI_MAXHOST], port[NI_MAXSERV];
	ret[0] = '\0';
	if (fd >= 0 && ask(fd, (struct sockaddr *)&a, &n) == 0 &&
		getnameinfo((struct sockaddr *)&a, n, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(ret, size, a.ss_family == AF_INET6 ? "[%.60s]:%.6s" : "%.60s:%.6s", host, port);
}

void pmig_peer_address_other(int fd, char *ret, size_t size)
{
	name(getpeername, fd, ret, size);
}

bool pmig_peer_address_is_own(int fd, const char *addresses)
{
	struct address_list list;
	char own[80];
	name(getsockname, fd, own, sizeof own);
	const char *port = strrchr(own, ':');
	pmig_peer_address_list(&list, addresses);
	for (int i = 0; port != NULL && i < list.count; i++)
		if (strncmp(list.text[i], own, (size_t)(port + 1 - own)) == 0)
			return true;
	return false;
}
