/* closing: close() and its kind end the declaration of what they close. */
#include "declare.h"
#include "replaced.h"

#include <unistd.h>

int pmig_close(int fd)
{
	declare_closed(fd);
	return close(fd);
}

int pmig_dup2(int from, int to)
{
	if (from != to)
		declare_closed(to);
	return dup2(from, to);
}

int pmig_dup3(int from, int to, int flags)
{
	if (from != to)
		declare_closed(to);
	return dup3(from, to, flags);
}

int pmig_close_range(unsigned first, unsigned last, int flags)
{
	if (flags == 0)
		declare_closed_from(first, last);
	return close_range(first, last, flags);
}

void pmig_closefrom(int first)
{
	if (first >= 0)
		declare_closed_from((unsigned)first, ~0u);
	closefrom(first);
}
