/* cc_place: bin/pmig-cc has bin/pmig-instrument, include/pmig/ and lib/libpmig.o beside it, in the build directory and
 * where it was installed; Debian's library directories have one more level. */
#include "cc.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef PMIG_LLVM_BINDIR
#define PMIG_LLVM_BINDIR ""
#endif

/* The directory of this executable; "." when the system does not tell. */
static const char *directory(void)
{
	static char path[PATH_MAX];
	if (*path == 0) {
		ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
		char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
		if (slash != NULL)
			*slash = 0;
		else
			(void)strcpy(path, ".");
	}
	return path;
}

/* Writes to `out` the first of the directories beside ours that holds `file`; NULL when none does. */
static const char *find(const char *const *places, const char *file, char out[PATH_MAX])
{
	for (; *places != NULL; places++) {
		char test[PATH_MAX];
		int n = snprintf(out, PATH_MAX, "%s/%s", directory(), *places);
		int m = snprintf(test, PATH_MAX, "%s/%s/%s", directory(), *places, file);
		if (n > 0 && n < PATH_MAX && m > 0 && m < PATH_MAX && access(test, R_OK) == 0)
			return out;
	}
	return NULL;
}

const char *cc_place_clang(void)
{
	static const char clang[] = PMIG_LLVM_BINDIR "/clang";
	return access(clang, X_OK) == 0 ? clang : "clang-19";
}

const char *cc_place_gcc(void)
{
	static const char gcc[] = "/usr/bin/gcc";
	return access(gcc, X_OK) == 0 ? gcc : NULL;
}

const char *cc_place_instrument(void)
{
	static char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/pmig-instrument", directory());
	return n > 0 && (size_t)n < sizeof path ? path : "pmig-instrument";
}

const char *cc_place_include(void)
{
	static const char *const places[] = {"../include", NULL};
	static char path[PATH_MAX];
	return find(places, "pmig/pmig.h", path);
}

const char *cc_place_library(void)
{
	static const char *const places[] = {"../lib", "../lib/x86_64-linux-gnu", "../lib64", NULL};
	static char path[PATH_MAX];
	return find(places, "libpmig.o", path);
}
