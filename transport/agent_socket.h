/* agent_socket: sockets of the program, seen from outside, and whether there is a place for one here. */
#ifndef PMIG_TRANSPORT_AGENT_SOCKET_H
#define PMIG_TRANSPORT_AGENT_SOCKET_H

#include "open_file.h"

#include <jansson.h>

enum agent_socket {
	AGENT_SOCKET_LISTENER = 1, /* it listens: runtime/kind/listener.c */
	AGENT_SOCKET_ALONE,        /* it has no peer: the same */
	AGENT_SOCKET_DATAGRAM, /* datagrams, with an address or a peer, or packets with a peer outside: runtime/kind/datagram.c */
	AGENT_SOCKET_NEW_DATAGRAM, /* datagrams, and neither yet */
	AGENT_SOCKET_WITHIN,       /* its peer is in the same process: runtime/kind/socketpair.c */
	AGENT_SOCKET_SHARED,       /* the same, and another process has it too */
	AGENT_SOCKET_CONNECTED,    /* and whatever cannot be looked at: runtime/kind/socket.c */
	AGENT_SOCKET_OTHER         /* neither of the internet nor a unix one */
};

enum agent_socket agent_socket_sort(pid_t pid, const struct open_file *f);

/* Of a socket without a peer: adds "listens", the text of its address (runtime/base/socket_sort.h). */
void agent_socket_add(pid_t pid, const struct open_file *f, json_t *row);

/* Whether a socket can be had here at the address `wanted`, or at one of the next ports: then that, as a text. */
bool agent_socket_free(const char *wanted, char *ret_text, size_t size);

/* A duplicate of the program's socket with that inode; -1: it has none. */
int agent_socket_borrow(pid_t pid, uint64_t inode);

#endif
