/* The same in an asm goto. */
#include <pmig/pmig.h>

int main(void)
{
	pmig_safepoint();
	/* REFUSED: inline assembly that uses the stack pointer cannot be carried */
	__asm__ goto("cmp %%rsp, %%rsp\n\tje %l0" : : : "cc" : equal);
	return 1;
equal:
	return 0;
}
