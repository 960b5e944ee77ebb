/* socket: a connection is fixed to its machine: it needs a reference. */
#include "../base/socket_sort.h"

#include <fcntl.h>
#include <pmig/kind.h>
#include <stdio.h>
#include <sys/socket.h>

#define NAME_MAX_ALL (2 * SOCKET_TEXT_MAX + 32)

static int match(const struct pmig_resource *r)
{
	return S_ISSOCK(r->st.st_mode);
}

/* With whom it is connected; until the next one is asked for. */
static const char *name_of(int fd)
{
	static char name[NAME_MAX_ALL];
	char own[SOCKET_TEXT_MAX], other[SOCKET_TEXT_MAX] = "";
	struct socket_place peer = {.size = sizeof peer.address};
	socklen_t size = sizeof peer.type;
	socket_text(fd, own);
	if (getpeername(fd, (struct sockaddr *)&peer.address, &peer.size) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &peer.type, &size) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &peer.protocol, &size) == 0) {
		peer.family = ((struct sockaddr *)&peer.address)->sa_family;
		socket_place_text(&peer, other);
	}
	(void)snprintf(name, sizeof name, "%s%s%s%s", other[0] != '\0' ? "connection " : "", own,
		other[0] != '\0' ? " to " : "", other);
	return name;
}

static int describe(struct pmig_resource *r)
{
	if (r->declaration.binding == 0) {
		r->declaration.binding = PMIG_BY_IDENTIFIER;
		r->declaration.attachment = PMIG_FIXED;
	}
	if (r->declaration.name == NULL && (r->flags & O_PATH) == 0)
		r->declaration.name = name_of(r->fd);
	return 0;
}

const struct pmig_kind kind_socket = {
	.version = PMIG_KIND_VERSION,
	.name = "socket",
	.about = "connections, and sockets that are neither of the internet nor unix ones",
	.match = match,
	.describe = describe,
};
