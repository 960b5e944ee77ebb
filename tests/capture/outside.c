/* outside: keeps a pointer into a library across a safe point: refused by name, since the library lies elsewhere later. */
#include <pmig/pmig.h>

#include <gnu/libc-version.h>
#include <stdio.h>

static const char *version;

int main(void)
{
	version = gnu_get_libc_version();
	pmig_safepoint();
	printf("%s\n", version);
	return 0;
}
