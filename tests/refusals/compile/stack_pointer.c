/* Assembly that looks at the native stack. */
#include <pmig/pmig.h>

int main(void)
{
	unsigned long at;
	/* REFUSED: inline assembly that uses the stack pointer cannot be carried */
	__asm__ volatile("mov %%rsp, %0" : "=r"(at));
	pmig_safepoint();
	return at == 1;
}
