/* socket_label: who is at the other end of a connection that was accepted at another host: the abstract name (unix(7)) of the socket
 * by which the agent hands it to the program, so that accept(2) tells it without a question. A name and no more: whoever connects
 * is the user's own, or is sent away (runtime/reference/accepted.c). */
#ifndef PMIG_BASE_SOCKET_LABEL_H
#define PMIG_BASE_SOCKET_LABEL_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SOCKET_LABEL_TEXT (2 * sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1) /* hexadecimal, with the NUL */

struct socket_label {
	uint64_t id;               /* of the connection, as it is held */
	uint64_t salt;             /* so that the same connection can be handed over again */
	uint32_t pid, user, group; /* who connected to a unix socket; 0 */
	struct sockaddr_storage peer,
		local; /* of the internet: both; unix: the peer's, without a name if that is longer than 64 bytes */
	socklen_t peer_size, local_size; /* local_size 0: that of the socket that listens */
};

/* The name, ready for bind(2). Returns its size. */
socklen_t socket_label_put(const struct socket_label *l, struct sockaddr_un *ret);

/* False: it is none. */
bool socket_label_get(const struct sockaddr_un *name, socklen_t size, struct socket_label *ret);

/* As a text, to be passed on, and back. */
void socket_label_write(const struct socket_label *l, char ret_text[SOCKET_LABEL_TEXT]);
bool socket_label_read(const char *text, struct socket_label *ret);

#endif
