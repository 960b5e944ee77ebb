/* agent_locale: whether the locales of a program are installed here, asked before anything is frozen. libc remembers what it did not find, so
 * a process of its own looks each time. */
#include "agent_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The place of the line that is not installed, 0: all are. */
static size_t look(char *locales)
{
	size_t n = 0;
	const char *path = strsep(&locales, "\n"); /* LOCPATH; without one, where libc has them */
	if (*path != '\0' ? setenv("LOCPATH", path, 1) < 0 : unsetenv("LOCPATH") < 0)
		return 0;
	for (char *line; locales != NULL && (line = strsep(&locales, "\n")) != NULL && *line != '\0';) {
		char *name;
		int mask = (int)strtol(line, &name, 16);
		n++;
		if (*name == ' ' && newlocale(mask, name + 1, NULL) == NULL)
			return n;
	}
	return 0;
}

static size_t ask(const char *locales)
{
	int ends[2];
	size_t missing = 0;
	char *copy = strdup(locales);
	if (copy == NULL || pipe2(ends, O_CLOEXEC) < 0) {
		free(copy);
		return 0;
	}
	pid_t pid = fork();
	if (pid == 0) {
		missing = look(copy);
		_exit(write(ends[1], &missing, sizeof missing) == sizeof missing ? 0 : 1);
	}
	free(copy);
	(void)close(ends[1]);
	if (read(ends[0], &missing, sizeof missing) != sizeof missing)
		missing = 0;
	(void)close(ends[0]);
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	return missing;
}

bool agent_locale_missing(const char *locales, char ret_name[PMIG_NAME_MAX + 1])
{
	size_t missing = *locales != '\0' ? ask(locales) : 0;
	const char *line = locales;
	for (size_t i = 0; i < missing && line != NULL; i++)
		line = (line = strchr(line, '\n')) != NULL ? line + 1 : NULL;
	const char *name = missing > 0 && line != NULL ? strchr(line, ' ') : NULL;
	if (name == NULL)
		return false;
	(void)snprintf(ret_name, PMIG_NAME_MAX + 1, "%.*s", (int)strcspn(name + 1, "\n"), name + 1);
	return true;
}
