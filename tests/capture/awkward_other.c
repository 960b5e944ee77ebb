/* awkward_other: the other half of a recursion across files, with a static local. */
#include "awkward.h"

long pong(long n, double a)
{
	static long visits;
	visits++;
	pmig_safepoint();
	if (n <= 0)
		return (long)a + visits;
	return ping(n - 1, (long)(a * 1.5)) ^ visits;
}
