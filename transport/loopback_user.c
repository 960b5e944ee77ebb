/* loopback_user: finds the other end in /proc/net/tcp, proc(5). */
#include "loopback_user.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESS_TEXT 48

/* As /proc/net/tcp writes it. */
static void write_address(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT])
{
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;
		(void)snprintf(ret_text, ADDRESS_TEXT, "%08X:%04X", in->sin_addr.s_addr, ntohs(in->sin_port));
		return;
	}
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	uint32_t w[4];
	memcpy(w, &in6->sin6_addr, sizeof w);
	(void)snprintf(ret_text, ADDRESS_TEXT, "%08X%08X%08X%08X:%04X", w[0], w[1], w[2], w[3], ntohs(in6->sin6_port));
}

/* Both addresses must be these: a port of one user's may be another one's too, on the way to somewhere else. A socket that was closed
 * already, or waits for its last packets, is told of as the superuser's, without an inode: it is nobody's. */
static long owner_in(FILE *table, const char *local, const char *remote)
{
	char line[512], from[ADDRESS_TEXT], to[ADDRESS_TEXT];
	unsigned user;
	unsigned long inode;
	while (fgets(line, sizeof line, table) != NULL)
		if (sscanf(line, " %*u: %47s %47s %*s %*s %*s %*s %u %*s %lu", from, to, &user, &inode) == 4 &&
			strcmp(from, local) == 0 && strcmp(to, remote) == 0)
			return inode != 0 ? (long)user : -1;
	return -1;
}

long loopback_user(int fd)
{
	struct sockaddr_storage peer = {0}, own = {0};
	socklen_t size = sizeof peer, own_size = sizeof own;
	char local[ADDRESS_TEXT], remote[ADDRESS_TEXT];
	if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0 ||
		getsockname(fd, (struct sockaddr *)&own, &own_size) < 0 ||
		(peer.ss_family != AF_INET && peer.ss_family != AF_INET6))
		return -1;
	write_address(&peer, local);
	write_address(&own, remote);
	FILE *table = fopen(peer.ss_family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6", "re");
	long user = table != NULL ? owner_in(table, local, remote) : -1;
	if (table != NULL)
		(void)fclose(table);
	return user;
}
