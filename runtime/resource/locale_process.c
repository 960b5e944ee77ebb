/* locale_process: setlocale() of everything in the process: a library that sets the locale sets that of the program, which a target is asked
 * for. */
#include "locales.h"

#include "../control_channel.h"

#include <dlfcn.h>

char *locale_process_set(int category, const char *name)
{
	static char *(*real)(int, const char *);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "setlocale");
	return real(category, name);
}

char *setlocale(int category, const char *name)
{
	char *now = locale_process_set(category, name);
	if (name != NULL && now != NULL && control_descriptor() >= 0)
		locales_announce();
	return now;
}
