/* poll: the flag that a safe point looks at (<pmig/pmig.h>). */
#include <pmig/pmig.h>

__thread volatile int pmig_poll;
