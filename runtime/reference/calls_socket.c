/* calls_socket: what is asked of a socket that lies at another host, answered from its record, and what is set of it, there too. */
#include "calls_datagram.h"
#include "reference.h"
#include "replaced.h"
#include "socket_note.h"
#include "socket_record.h"

#include "../kind/socket_options.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int pmig_getsockname(int fd, struct sockaddr *ret, socklen_t *size)
{
	const struct socket_record *r = socket_record_of(fd);
	if (r == NULL)
		return getsockname(fd, ret, size);
	socket_address_give(&r->local, ret, size);
	return 0;
}

int pmig_getpeername(int fd, struct sockaddr *ret, socklen_t *size)
{
	const struct socket_record *r = socket_record_of(fd);
	if (r == NULL)
		return getpeername(fd, ret, size);
	if (r->peer.size == 0) {
		errno = ENOTCONN;
		return -1;
	}
	socket_address_give(&r->peer, ret, size);
	return 0;
}

/* --- options --- */

/* Those that the number here has itself. */
static bool is_own(int level, int name)
{
	static const int own[] = {SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT, SO_OOBINLINE};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (level == SOL_SOCKET && name == own[i])
			return true;
	return false;
}

static int tell(const void *value, size_t size, void *ret, socklen_t *ret_size)
{
	memcpy(ret, value, size < *ret_size ? size : *ret_size);
	*ret_size = (socklen_t)(size < *ret_size ? size : *ret_size);
	return 0;
}

/* What broke it; told once, as the kernel does. */
static int take_error(int fd, struct socket_record *r, void *ret, socklen_t *size)
{
	int number = 0;
	socklen_t length = sizeof number;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &length) < 0)
		return -1;
	if (number == 0)
		number = __atomic_exchange_n(&r->error, 0, __ATOMIC_RELAXED);
	if (number == 0)
		number = datagram_error(fd);
	return tell(&number, sizeof number, ret, size);
}

int pmig_getsockopt(int fd, int level, int name, void *ret, socklen_t *size)
{
	struct socket_record *r = socket_record_of(fd);
	if (r == NULL)
		return getsockopt(fd, level, name, ret, size);
	const int listens = r->backlog >= 0;
	const struct {
		int name;
		const int *value;
	} facts[] = {{SO_DOMAIN, &r->family}, {SO_TYPE, &r->type}, {SO_PROTOCOL, &r->protocol}, {SO_ACCEPTCONN, &listens}};
	for (size_t i = 0; level == SOL_SOCKET && i < sizeof facts / sizeof *facts; i++)
		if (name == facts[i].name)
			return tell(facts[i].value, sizeof(int), ret, size);
	if (level == SOL_SOCKET && name == SO_ERROR)
		return take_error(fd, r, ret, size);
	const struct socket_option *o = socket_record_option(r, level, name);
	if (o != NULL)
		return tell(o->value, o->size, ret, size);
	errno = ENOPROTOOPT;
	return -1;
}

/* What the kernel says of it for a new socket of that sort. */
static int try_option(const struct socket_record *r, int level, int name, const void *value, socklen_t size)
{
	int fd = socket(r->family, r->type | SOCK_CLOEXEC, r->protocol);
	int result = fd < 0 ? -1 : setsockopt(fd, level, name, value, size), number = errno;
	if (fd >= 0)
		(void)close(fd);
	errno = number;
	return result;
}

/* Their values lead into this process: to its memory, to its descriptors. */
static bool leads_here(int level, int name)
{
	static const int names[] = {SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (level == SOL_SOCKET && name == names[i])
			return true;
	return false;
}

bool calls_socket_set(int fd, int level, int name, const void *value, socklen_t size, int *ret)
{
	struct referred *e = referred_of(fd);
	struct socket_record *r = socket_record_in(e);
	unsigned char bytes[SOCKET_NOTE_HEAD + SOCKET_NOTE_VALUE];
	if (r == NULL)
		return false;
	if (leads_here(level, name)) {
		errno = ENOPROTOOPT;
		*ret = -1;
		return true;
	}
	*ret = try_option(r, level, name, value, size);
	if (*ret < 0)
		return true;
	if (!socket_record_set(r, level, name, value, size)) {
		errno = ENOBUFS;
		*ret = -1;
		return true;
	}
	if (is_own(level, name)) {
		*ret = setsockopt(fd, level, name, value, size);
		return true;
	}
	bool ends = level == SOL_SOCKET &&
		name == SO_LINGER; /* where the number is a TCP socket, closing it is seen at once */
	if (ends)
		(void)setsockopt(fd, level, name, value, size);
	struct socket_note n = {.what = SOCKET_NOTE_OPTION, .level = level, .name = name, .size = (uint32_t)size};
	memcpy(n.value, value, size);
	int number = errno; /* it has ended by now: there is nobody for whom it matters */
	size_t length = socket_note_put(bytes, &n);
	/* It is about how the connection ends, perhaps in the next call; or about who connects from now on. */
	bool waits = ends || r->backlog >= 0;
	if (!datagram_tell(fd, bytes, length))
		(void)!reference_tell(e->id, bytes, length, waits);
	errno = number;
	return true;
}

/* --- the rest --- */

int pmig_connected_elsewhere(int fd)
{
	const struct socket_record *r = socket_record_of(fd);
	return r != NULL && r->type == SOCK_STREAM && r->backlog < 0;
}

int pmig_shutdown(int fd, int how)
{
	struct socket_record *r = socket_record_of(fd);
	int result;
	if (datagram_shutdown(fd, how, &result))
		return result;
	result = shutdown(fd, how);
	if (r != NULL && result == 0 && how != SHUT_WR)
		r->state |= SOCKET_SHUT_READ;
	if (r != NULL && result == 0 && how != SHUT_RD)
		r->state |= SOCKET_SHUT_WRITE;
	return result;
}

/* Of interfaces and routes, which a unix socket knows nothing of: any socket of the family does. Those that are of the number itself are
 * lower: FIOSETOWN ... SIOCGSTAMPNS. */
bool calls_socket_ioctl(int fd, unsigned long request, void *argument, int *ret)
{
	if ((request & ~0xfful) != SIOCADDRT - 0xb || request < SIOCADDRT)
		return false;
	const struct socket_record *r = socket_record_of(fd);
	int other = r != NULL && r->family != AF_UNIX ? socket(r->family, r->type | SOCK_CLOEXEC, r->protocol) : -1;
	if (other < 0)
		return false;
	*ret = ioctl(other, request, argument);
	int number = errno;
	(void)close(other);
	errno = number;
	return true;
}
