/* agent_serve: what is held here, as a descriptor that a channel can be connected to. */
#include "address.h"
#include "agent_reference.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_MS 2000 /* on loopback it is a matter of microseconds, unless the queue of who listens is full */

/* An open file description of our own where that changes nothing: O_NONBLOCK belongs to the description, which others use too.
 * The master of a pseudo-terminal cannot be opened again, that would make another one. */
static int own_description(int fd)
{
	struct stat st;
	char path[32];
	unsigned number;
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) < 0 || ioctl(fd, TIOCGPTN, &number) == 0 || (!S_ISFIFO(st.st_mode) && !isatty(fd)))
		return -1;
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int agent_serve_open(const struct held *h, int *ret_fd, bool *ret_device)
{
	if (h->kind == REFERENCE_ADDRESS) {
		*ret_device = false;
		return agent_serve_address(h->locator, ret_fd);
	}
	int fd = own_description(h->fd);
	if (fd < 0)
		fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "%.200s", h->locator);
	*ret_fd = fd;
	*ret_device = true;
	return 0;
}

/* --- addresses --- */

static bool parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || n == 0 || n > 65535)
		return false;
	*ret_port = (uint16_t)n;
	return true;
}

int agent_serve_parse(const char *locator, struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
	struct sockaddr_un *un = (struct sockaddr_un *)ret_address;
	char host[64];
	uint16_t port;
	*ret_address = (struct sockaddr_storage){0};
	if (*locator == '/') {
		if (strlen(locator) >= sizeof un->sun_path)
			return error_set(PMIG_EINVAL, "%.200s: too long for the address of a socket", locator);
		un->sun_family = AF_UNIX;
		(void)snprintf(un->sun_path, sizeof un->sun_path, "%s", locator);
		*ret_size = sizeof *un;
		return 0;
	}
	const char *colon = strrchr(locator, ':');
	if (colon == NULL || colon - locator >= (ptrdiff_t)sizeof host || !parse_port(colon + 1, &port))
		return error_set(PMIG_EINVAL, "%.200s: no address HOST:PORT, and no absolute path", locator);
	(void)snprintf(host, sizeof host, "%.*s", (int)(colon - locator), locator);
	size_t length = strlen(host);
	if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		memmove(host, host + 1, length - 1);
	}
	if (*host == '\0' || strcmp(host, "*") == 0 || strcmp(host, "localhost") == 0 || strcmp(host, "0.0.0.0") == 0)
		(void)snprintf(host, sizeof host, "127.0.0.1");
	if (address_numeric(host, port, ret_address, ret_size))
		return 0;
	return error_set(PMIG_EINVAL, "%.200s: the host must be localhost or a number", locator);
}

int agent_serve_address(const char *locator, int *ret_fd)
{
	struct sockaddr_storage address;
	socklen_t size;
	int r = agent_serve_parse(locator, &address, &size);
	if (r < 0)
		return r;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "%.200s", locator);
	int number = connect(fd, (struct sockaddr *)&address, size) < 0 ? errno : 0;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	if (number == EINPROGRESS) {
		socklen_t length = sizeof number;
		if (poll(&p, 1, CONNECT_MS) <= 0)
			number = ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &length) < 0)
			number = errno;
	}
	int flags = fcntl(fd, F_GETFL), one = 1;
	if (number == 0 && (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0))
		number = errno;
	if (number != 0) {
		(void)close(fd);
		return error_errno(PMIG_EREFUSED, number, "%.200s", locator);
	}
	if (address.ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	*ret_fd = fd;
	return 0;
}
