/* With --strict: a function of a library that nobody has looked at. */
#include <pmig/pmig.h>

extern int nobody_knows_it(void);

int main(void)
{
	pmig_safepoint();
	/* STRICT: nobody_knows_it: nobody has looked at whether this function keeps state that must */
	return nobody_knows_it();
}
