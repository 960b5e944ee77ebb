/* foreign_create: pthread_create() of everything in the process that is not the program. */
#include "foreign.h"

#include <dlfcn.h>

/* NULL: threads are ordinary ones (a process that is no program of pmig-cc's). */
int (*foreign_create)(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *), void *argument,
	const void *maker);

int foreign_real_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return real(ret, attributes, start, argument);
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

/* ThreadSanitizer has a pthread_create() of its own, which must be the one that is called. */
#ifndef __SANITIZE_THREAD__
int pthread_create(pthread_t *restrict ret, const pthread_attr_t *restrict attributes, void *(*start)(void *),
	void *restrict argument)
{
	return foreign_create == NULL ? foreign_real_create(ret, attributes, start, argument)
				      : foreign_create(ret, attributes, start, argument, __builtin_return_address(0));
}
#endif
