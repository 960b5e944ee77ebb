/* With --strict: a variable of a library. */
#include <pmig/pmig.h>

extern int nobody_carries_it;

int main(void)
{
	pmig_safepoint();
	/* STRICT: nobody_carries_it: this variable of a library is not carried */
	return nobody_carries_it;
}
