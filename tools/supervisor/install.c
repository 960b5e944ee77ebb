/* install: puts agent, program and libraries in place. */
#include "install.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int install_own(const char *name, char ret_path[4096])
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n < 0)
		return error_errno(PMIG_EIO, errno, "/proc/self/exe");
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	if (slash == NULL || snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "%s", name) < 0 || access(path, X_OK) < 0)
		return error_set(PMIG_ENOENT, "%s is not beside pmig, where it was installed", name);
	(void)snprintf(ret_path, 4096, "%s", path);
	return 0;
}

/* In single quotes, for the shell. */
static int quote(const char *text, size_t room, char *ret)
{
	size_t n = 0;
	if (room < 3)
		return error_set(PMIG_EINVAL, "command: too long");
	ret[n++] = '\'';
	for (; *text != '\0'; text++) {
		if (n + 6 > room)
			return error_set(PMIG_EINVAL, "command: too long");
		if (*text == '\'') {
			memcpy(ret + n, "'\\''", 4);
			n += 4;
		} else {
			ret[n++] = *text;
		}
	}
	ret[n++] = '\'';
	ret[n] = '\0';
	return 0;
}

int install_agent_command(struct link *link, const struct install_agent *agent, char ret_command[INSTALL_COMMAND_MAX])
{
	(void)link;
	char path[4096], quoted[3][4096 + 64];
	int r = install_own("pmig-agent", path);
	const char *const texts[] = {path, agent->state, agent->name};
	for (size_t i = 0; i < 3 && r >= 0; i++)
		r = quote(texts[i], sizeof quoted[i], quoted[i]);
	if (r < 0)
		return r;
	(void)snprintf(ret_command, INSTALL_COMMAND_MAX, "exec %s connect %s --name %s%s%s", quoted[0], agent->uuid, quoted[2],
		*agent->state != '\0' ? " --state " : "", *agent->state != '\0' ? quoted[1] : "");
	return 0;
}
