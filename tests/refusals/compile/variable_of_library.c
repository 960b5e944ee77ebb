/* A variable of libc that nobody carries. */
#include <pmig/pmig.h>

extern const char _libc_intl_domainname[];

int main(void)
{
	pmig_safepoint();
	/* REFUSED: _libc_intl_domainname cannot be carried: it is a variable of libc that nobody carries */
	return _libc_intl_domainname[0] == 'x';
}
