/* bare: what the header's safe point refers to, for programs built by clang alone: the poll and nothing else. */
#include <pmig/pmig.h>

__thread volatile int pmig_poll, pmig_news;

int pmig_stop(void)
{
	return 0;
}
