/* agent_locale: whether the locales, character sets and conversions of a program are installed here, asked before anything is frozen. libc
 * remembers what it did not find, so a process of its own looks each time; for conversions that is iconv(1), because libc loads them as
 * libraries, which a static executable like this one cannot rely on. */
#include "agent_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETS_MAX 256 /* bytes of the names of two character sets */

static void set_path(const char *variable, const char *value)
{
	(void)(value != NULL && *value != '\0' ? setenv(variable, value, 1) : unsetenv(variable));
}

/* -1: nobody knows. */
static int status_of(pid_t pid)
{
	int status = -1;
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* `sets`: FROM, a tab, TO. */
static bool lacks_conversion(const char *sets)
{
	char from[SETS_MAX + 16], to[SETS_MAX + 16];
	const char *tab = strchr(sets, '\t');
	if (tab == NULL || strlen(sets) > SETS_MAX)
		return false;
	(void)snprintf(from, sizeof from, "--from-code=%.*s", (int)(tab - sets), sets);
	(void)snprintf(to, sizeof to, "--to-code=%s", tab + 1);
	pid_t pid = fork();
	if (pid == 0) {
		int nothing = open("/dev/null", O_RDWR);
		for (int fd = 0; fd < 3; fd++)
			(void)dup2(nothing, fd);
		(void)execlp("iconv", "iconv", from, to, (char *)NULL);
		_exit(127);
	}
	return status_of(pid) == EXIT_FAILURE; /* what iconv says; without one the restore will tell */
}

static bool is_missing(const char *line)
{
	if (*line == '=')
		return lacks_conversion(line + 1);
	char *name;
	int mask = (int)strtol(line, &name, 16);
	return *name == ' ' && newlocale(mask, name + 1, NULL) == NULL;
}

/* The place of the line that is not installed, 0: all are. */
static unsigned char look(char *locales)
{
	unsigned char n = 0;
	set_path("LOCPATH", strsep(&locales, "\n"));
	set_path("GCONV_PATH", strsep(&locales, "\n"));
	for (char *line; locales != NULL && (line = strsep(&locales, "\n")) != NULL && *line != '\0' && n < UCHAR_MAX;) {
		n++;
		if (is_missing(line))
			return n;
	}
	return 0;
}

static size_t ask(const char *locales)
{
	int ends[2];
	unsigned char missing = 0;
	char *copy = strdup(locales);
	if (copy == NULL || pipe2(ends, O_CLOEXEC) < 0) {
		free(copy);
		return 0;
	}
	pid_t pid = fork();
	if (pid == 0) {
		missing = look(copy);
		_exit(write(ends[1], &missing, 1) == 1 ? 0 : 1);
	}
	free(copy);
	(void)close(ends[1]);
	if (read(ends[0], &missing, 1) != 1)
		missing = 0;
	(void)close(ends[0]);
	(void)status_of(pid);
	return missing;
}

/* "a locale" as the user reads it. */
static void name_line(const char *line, char ret_words[PMIG_NAME_MAX + 1])
{
	int n = (int)strcspn(line, "\n"), from = (int)strcspn(line, "\t");
	if (*line == '=' && from < n)
		(void)snprintf(ret_words, PMIG_NAME_MAX + 1, "the conversion from %.*s to %.*s", from - 1, line + 1,
			n - from - 1, line + from + 1);
	else if (strchr(line, ' ') != NULL)
		(void)snprintf(ret_words, PMIG_NAME_MAX + 1, "the locale %.*s", n - (int)(strchr(line, ' ') + 1 - line),
			strchr(line, ' ') + 1);
}

bool agent_locale_missing(const char *locales, char ret_words[PMIG_NAME_MAX + 1])
{
	size_t missing = *locales != '\0' ? ask(locales) : 0;
	const char *line = locales;
	for (size_t i = 0; missing > 0 && i < missing + 1 && line != NULL; i++) /* behind the two paths */
		line = (line = strchr(line, '\n')) != NULL ? line + 1 : NULL;
	if (missing == 0 || line == NULL)
		return false;
	ret_words[0] = '\0';
	name_line(line, ret_words);
	return ret_words[0] != '\0';
}
