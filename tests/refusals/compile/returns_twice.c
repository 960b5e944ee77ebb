/* A function of somebody else that comes back twice. */
#include <pmig/pmig.h>

extern int splits(void) __attribute__((returns_twice));

int main(void)
{
	/* REFUSED: a function that returns twice, other than setjmp, cannot be carried */
	int r = splits();
	pmig_safepoint();
	return r;
}
