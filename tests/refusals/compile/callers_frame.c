/* Somebody else's frame. */
#include <pmig/pmig.h>

__attribute__((noinline)) static void *look(void)
{
	pmig_safepoint();
	/* REFUSED: the address of a caller's frame cannot be carried */
	return __builtin_frame_address(1);
}

int main(void)
{
	return look() == (void *)1;
}
