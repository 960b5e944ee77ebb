/* awkward_other: the other half of a recursion across files, with a static and a thread-local variable. */
#include "awkward.h"

long pong(long n, double a)
{
	static long visits;
	static _Thread_local long calls = 40;
	visits += ++calls % 3;
	pmig_safepoint();
	if (n <= 0)
		return (long)a + visits;
	return ping(n - 1, (long)(a * 1.5)) ^ visits;
}
