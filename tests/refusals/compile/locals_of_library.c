/* A thread-local variable that a library defines. */
#include <pmig/pmig.h>

extern _Thread_local int of_library;

int main(void)
{
	pmig_safepoint();
	/* REFUSED: the thread-local variable of_library belongs to a library and cannot be carried */
	return of_library;
}
