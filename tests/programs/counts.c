/* counts: prints numbers for as long as somebody reads them. */
#include <pmig/pmig.h>

#include <stdio.h>

int main(void)
{
	for (unsigned long i = 0; printf("%lu\n", i) > 0; i++)
		(void)pmig_safepoint();
	return 3;
}
