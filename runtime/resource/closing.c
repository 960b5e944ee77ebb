/* closing: close() and its kind end the declaration of what they close, and what leads to another host; what the runtime itself needs
 * stays. */
#include "../arena/mapping.h"
#include "declare.h"
#include "opened.h"
#include "replaced.h"
#include "resource.h"

#include "../kind/epoll.h"
#include "../reference/descriptors.h"
#include "../reference/referred.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <unistd.h>

/* What an earlier write to another host has to say is said by close(): close(2). */
static int both(int said, int number, int closed)
{
	if (said < 0 && closed >= 0)
		errno = number;
	return said < 0 && closed >= 0 ? said : closed;
}

int pmig_close(int fd)
{
	if (mapping_keeps(fd)) { /* the runtime's: the program does not know it */
		errno = EBADF;
		return -1;
	}
	declare_closed(fd);
	epoll_closed(fd, fd);
	opened_closed(fd);
	referred_closed(fd);
	if (!descriptors_any)
		return close(fd);
	int r = descriptors_closed(fd), number = errno;
	return both(r, number, close(fd));
}

/* `to` leads where `from` does, whatever it led to before. */
static int led(int from, int to)
{
	if (to < 0 || !descriptors_any)
		return to;
	if (!descriptors_refers(from)) {
		(void)descriptors_closed(to);
		return to;
	}
	if (descriptors_duplicated(from, to) == 0)
		return to;
	close(to);
	errno = ENOMEM;
	return -1;
}

/* Where it is not, dup2(2) closes nothing. */
static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

int pmig_dup2(int from, int to)
{
	if (from == to || !is_open(from))
		return dup2(from, to);
	declare_closed(to);
	epoll_closed(to, to);
	referred_closed(to);
	referred_doubles(from);
	return led(from, dup2(from, to));
}

int pmig_dup3(int from, int to, int flags)
{
	if (from != to && is_open(from) && (flags & ~O_CLOEXEC) == 0) {
		declare_closed(to);
		epoll_closed(to, to);
		referred_closed(to);
		referred_doubles(from);
	}
	return led(from, dup3(from, to, flags));
}

/* The lowest descriptor from `first` on that is the runtime's; -1: none. */
static int next_own(int first)
{
	int one = resource_next_private(first), other = mapping_kept(first);
	return one < 0 || (other >= 0 && other < one) ? other : one;
}

int pmig_close_range(unsigned first, unsigned last, int flags)
{
	int r = 0;
	if (first > last || flags != 0)
		return close_range(first, last, flags);
	declare_closed_from(first, last);
	epoll_closed((int)(first > INT_MAX ? INT_MAX : first), last > INT_MAX ? INT_MAX : (int)last);
	(void)descriptors_closed_from(first, last);
	referred_closed_from(first, last);
	for (int own; r == 0 && first <= last; first = (unsigned)own + 1) {
		own = next_own((int)first);
		if (own < 0 || (unsigned)own > last)
			return close_range(first, last, flags);
		r = (unsigned)own > first ? close_range(first, (unsigned)own - 1, flags) : 0;
	}
	return r;
}

void pmig_closefrom(int first)
{
	(void)pmig_close_range(first > 0 ? (unsigned)first : 0, ~0u, 0);
}
