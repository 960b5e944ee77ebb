/* A second name of a thread-local variable. */
#include <pmig/pmig.h>

_Thread_local int counted;
extern _Thread_local int also_counted __attribute__((alias("counted")));

int main(void)
{
	pmig_safepoint();
	/* REFUSED: the thread-local variable counted has a second name \(alias\), which cannot be carried */
	return also_counted;
}
