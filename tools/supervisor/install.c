/* install: puts agent, program and libraries in place. */
#include "install.h"

#include "transport/deploy.h"

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
	if (slash == NULL || snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "%s", name) < 0 ||
		access(path, X_OK) < 0)
		return error_set(PMIG_ENOENT, "%s is not beside pmig, where it was installed", name);
	(void)snprintf(ret_path, 4096, "%s", path);
	return 0;
}

int install_agent_command(struct link *link, const struct install_agent *agent, char ret_command[INSTALL_COMMAND_MAX])
{
	char path[4096];
	char *start = NULL, *state = NULL, *name = NULL;
	int r = install_own("pmig-agent", path);
	if (r >= 0)
		r = deploy_agent(link, path, &start);
	if (r >= 0)
		r = deploy_quote(agent->state, &state);
	if (r >= 0)
		r = deploy_quote(agent->name, &name);
	if (r >= 0 &&
		snprintf(ret_command, INSTALL_COMMAND_MAX, "exec %s connect %s --name %s --knows %llu%s%s", start,
			agent->uuid, name, (unsigned long long)agent->knows, *agent->state != '\0' ? " --state " : "",
			*agent->state != '\0' ? state : "") >= INSTALL_COMMAND_MAX)
		r = error_set(PMIG_EINVAL, "the command for the agent is too long");
	free(start);
	free(state);
	free(name);
	return r < 0 ? r : 0;
}
