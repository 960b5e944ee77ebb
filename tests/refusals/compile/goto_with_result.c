/* An asm goto that also gives a value. */
#include <pmig/pmig.h>

int main(void)
{
	int value;
	pmig_safepoint();
	/* REFUSED: asm goto with a result cannot be carried in a function that can reach a safe point */
	__asm__ goto("movl $1, %0\n\tjmp %l1" : "=r"(value) : : : end);
	value = 2;
end:
	pmig_safepoint();
	return value == 3;
}
