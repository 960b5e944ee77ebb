/* poll: the flags that a safe point and a blocking call look at. */
#include "block.h"
#include "thread.h"

#include <pmig/pmig.h>

__thread volatile int pmig_poll;
__thread volatile int pmig_news;
__thread volatile int pmig_asked;
__thread struct arena_thread *pmig_thread;
