/* plain: asks the agent for each, and exchanges the numbers. */
#include "plain.h"

#include "door.h"
#include "reference.h"
#include "referred.h"
#include "socket_record.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static bool is_plain(int fd, const struct referred *e)
{
	int family = AF_UNIX;
	socklen_t size = sizeof family;
	return strcmp(e->kind, "socket") == 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 &&
		family != AF_UNIX;
}

/* What the number does by itself. */
static void copy_options(int from, int to)
{
	static const int names[] = {SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT, SO_OOBINLINE};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		union {
			struct timeval time;
			int number;
		} value;
		socklen_t size = sizeof value;
		if (getsockopt(from, SOL_SOCKET, names[i], &value, &size) == 0)
			(void)setsockopt(to, SOL_SOCKET, names[i], &value, size);
	}
}

static int begin(int fd)
{
	struct referred *e = referred_of(fd);
	if (e != NULL && is_plain(fd, e))
		reference_unplain_begin(e->id, fd);
	return 0;
}

static int settle(int fd)
{
	struct referred *e = referred_of(fd);
	int thing, old;
	if (e == NULL || !is_plain(fd, e))
		return 0;
	int r = reference_unplain(e->id, fd, &thing);
	if (r < 0)
		return r == PMIG_EGONE ? 0 : r;
	copy_options(fd, thing);
	door_replace(fd, thing, &old);
	referred_renew(e, thing);
	(void)close(thing);
	if (old >= 0)
		(void)close(old);
	return 0;
}

static int each(int (*call)(int fd))
{
	int r = 0;
	DIR *d = opendir("/proc/self/fd");
	for (struct dirent *e; d != NULL && r >= 0 && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			r = call(atoi(e->d_name));
	if (d != NULL)
		(void)closedir(d);
	return r;
}

int plain_settle(void)
{
	if (!referred_any())
		return 0;
	int r = each(begin);
	return r < 0 ? r : each(settle);
}
