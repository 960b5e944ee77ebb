/* environment: keeps environ and the arguments where they travel. */
#include "environment.h"

#include "replaced.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"
#include "../guard.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ARENA_ROOT_ARGUMENTS */
struct arguments {
	int argc;
	char **argv;
	char *name, *short_name;
};

static size_t count(char **list)
{
	size_t n = 0;
	while (list != NULL && list[n] != NULL)
		n++;
	return n;
}

static bool ours(const void *p)
{
	return arena_contains(p);
}

/* A copy of the list; strings that lie in the arena already are kept, so that pointers to them stay good. */
static char **copy(char **list, size_t n)
{
	char **result = pmig_malloc((n + 1) * sizeof *result);
	for (size_t i = 0; result != NULL && i < n; i++) {
		result[i] = ours(list[i]) ? list[i] : pmig_strdup(list[i]);
		if (result[i] == NULL)
			return NULL;
	}
	if (result != NULL)
		result[n] = NULL;
	return result;
}

int environment_start(int argc, char **argv, char **envp)
{
	struct arguments *a = pmig_calloc(1, sizeof *a);
	char **list = copy(envp, count(envp));
	if (a == NULL || list == NULL)
		return error_set(PMIG_ENOMEM, "no memory for the environment");
	a->argc = argc;
	a->argv = copy(argv, (size_t)argc);
	a->name = pmig_strdup(program_invocation_name != NULL ? program_invocation_name : argc > 0 ? argv[0] : "");
	if (a->argv == NULL || a->name == NULL)
		return error_set(PMIG_ENOMEM, "no memory for the arguments");
	const char *slash = strrchr(a->name, '/');
	a->short_name = slash != NULL ? a->name + (slash + 1 - a->name) : a->name;
	*arena_root(ARENA_ROOT_ARGUMENTS) = a;
	environ = list;
	program_invocation_name = a->name;
	program_invocation_short_name = a->short_name;
	return 0;
}

char **environment_arguments(int *ret_argc)
{
	struct arguments *a = *arena_root(ARENA_ROOT_ARGUMENTS);
	*ret_argc = a != NULL ? a->argc : 0;
	return a != NULL ? a->argv : NULL;
}

int environment_save(struct record_writer *w)
{
	if (environ != NULL && !ours(environ)) { /* libc's own setenv(), called by some library, has moved it */
		char **list = copy(environ, count(environ));
		if (list == NULL)
			return error_set(PMIG_ENOMEM, "no memory for the environment");
		environ = list;
	}
	record_put_u64(w, (uintptr_t)environ);
	return record_check(w);
}

int environment_restore(struct record_reader *r)
{
	char **list = (char **)(uintptr_t)record_get_u64(r);
	struct arguments *a = *arena_root(ARENA_ROOT_ARGUMENTS);
	int e = record_reader_check(r);
	if (e >= 0 && ((list != NULL && !ours(list)) || !ours(a)))
		e = error_set(PMIG_ECORRUPT, "%s: the environment lies outside the arena", r->what);
	if (e < 0)
		return e;
	environ = list;
	program_invocation_name = a->name;
	program_invocation_short_name = a->short_name;
	return 0;
}

static size_t length_of_name(const char *name)
{
	return strcspn(name, "=");
}

/* Who looks (getenv) needs no guard: a list is complete before it is the environment, and none is freed. */
static char **find(const char *name, size_t n)
{
	for (char **e = environ; e != NULL && *e != NULL; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return e;
	return NULL;
}

/* Puts `text` ("name=value", kept) in its place. Nothing is freed: the program may still hold what getenv() gave. */
static int put(char *text)
{
	GUARD(GUARD_ENVIRONMENT);
	char **e = find(text, length_of_name(text));
	if (e != NULL) {
		*e = text;
		return 0;
	}
	size_t n = count(environ);
	char **list = pmig_malloc((n + 2) * sizeof *list);
	if (list == NULL)
		return -1;
	if (n > 0)
		memcpy(list, environ, n * sizeof *list);
	list[n] = text;
	list[n + 1] = NULL;
	environ = list;
	return 0;
}

int pmig_setenv(const char *name, const char *value, int overwrite)
{
	if (name == NULL || *name == 0 || strchr(name, '=') != NULL) {
		errno = EINVAL;
		return -1;
	}
	size_t n = strlen(name), m = strlen(value);
	GUARD(GUARD_ENVIRONMENT);
	if (!overwrite && find(name, n) != NULL)
		return 0;
	char *text = pmig_malloc(n + m + 2);
	if (text == NULL)
		return -1;
	memcpy(text, name, n);
	text[n] = '=';
	memcpy(text + n + 1, value, m + 1);
	return put(text);
}

int pmig_putenv(char *text)
{
	return strchr(text, '=') != NULL ? put(text) : pmig_unsetenv(text);
}

int pmig_unsetenv(const char *name)
{
	if (name == NULL || *name == 0 || strchr(name, '=') != NULL) {
		errno = EINVAL;
		return -1;
	}
	size_t n = strlen(name);
	GUARD(GUARD_ENVIRONMENT);
	for (char **e; (e = find(name, n)) != NULL;)
		do
			e[0] = e[1];
		while (*e++ != NULL);
	return 0;
}

int pmig_clearenv(void)
{
	environ = NULL;
	return 0;
}
