/* socket_sort: what a socket is: one without a peer, one end of a pair, or a connection; and its address as a text:
 * "tcp 0.0.0.0:80", "udp [::1]:53", "unix /run/x", "unix-datagram @name" (an abstract one), "tcp" alone where it has none. */
#ifndef PMIG_BASE_SOCKET_SORT_H
#define PMIG_BASE_SOCKET_SORT_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SOCKET_TEXT_MAX 160 /* with the NUL */

enum socket_sort {
	SOCKET_ALONE = 1, /* TCP, UDP or unix, and no peer: it listens, takes datagrams from anybody, or is new */
	SOCKET_PAIRED,    /* a unix socket with a peer, which may have been closed */
	SOCKET_CONNECTED, /* TCP or UDP */
	SOCKET_OTHER      /* netlink, raw, packet, ... */
};

enum socket_sort socket_sort_of(int fd);

/* Whether what goes through it are messages, and it is not one that listens; whether it has an address of its own. */
bool socket_has_messages(int fd);
bool socket_is_bound(int fd);

/* Whether the peer of a unix socket has a name: then it is no pair, although a connection that was not accepted yet has no peer either. */
bool socket_peer_has_name(int fd);

/* What is known of a unix socket by its inode: sock_diag(7). */
struct socket_unix {
	uint64_t peer; /* inode; 0: closed, or in another name space */
	bool listens, bound;
	uint32_t waiting, backlog; /* of one that listens: connections that wait, and how many may */
};

/* False: no unix socket of this name space has the inode. */
bool socket_unix_look(uint64_t inode, struct socket_unix *ret);

/* The address that a socket without a peer is bound to. */
void socket_text(int fd, char ret_text[SOCKET_TEXT_MAX]);

/* What such a text means: 0, or PMIG_EINVAL. *ret_size 0: it has no address. */
struct socket_place {
	int family, type, protocol;
	struct sockaddr_storage address;
	socklen_t size;
};
PMIG_MUST_CHECK int socket_parse(const char *text, struct socket_place *ret);

/* The text of an address of that sort. */
void socket_place_text(const struct socket_place *p, char ret_text[SOCKET_TEXT_MAX]);

#endif
