/* run: starts a program that can move, and stays with it. */
#include "tools/cmd/cmd.h"
#include "tools/supervisor/periodic.h"
#include "tools/supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAILED 125
#define NOT_EXECUTABLE 126
#define NOT_FOUND 127

static const char examples[] =
	"  pmig run -- ./queens 12\n"
	"  pmig run -d --name big -- ./index /usr/share/dict/words\n"
	"  pmig run --on beta -- ./raytrace scene.txt\n"
	"  pmig run --every 30s --keep 3 -- ./queens 16 # and after a power failure: pmig restart queens\n";

/* As execvp(3) would find it, but absolute. Returns 0, NOT_EXECUTABLE or NOT_FOUND. */
static int find_program(const char *name, char ret_path[PATH_MAX])
{
	if (strchr(name, '/') != NULL) {
		if (realpath(name, ret_path) == NULL)
			return errno == EACCES ? NOT_EXECUTABLE : NOT_FOUND;
		return access(ret_path, X_OK) == 0 ? 0 : NOT_EXECUTABLE;
	}
	const char *path = getenv("PATH");
	int result = NOT_FOUND;
	for (const char *at = path != NULL ? path : "/usr/bin:/bin"; *at != '\0';) {
		size_t length = strcspn(at, ":");
		char candidate[PATH_MAX];
		(void)snprintf(candidate, sizeof candidate, "%.*s%s/%s", (int)length, at, length == 0 ? "." : "", name);
		if (access(candidate, X_OK) == 0 && realpath(candidate, ret_path) != NULL)
			return 0;
		if (access(candidate, F_OK) == 0)
			result = NOT_EXECUTABLE;
		at += length + (at[length] == ':');
	}
	return result;
}

static int read_checkpoints(const char *every, const char *keep, const char *into, char checkpoints[PATH_MAX],
	struct supervisor_options *o)
{
	char *end = NULL;
	unsigned long n = keep != NULL ? strtoul(keep, &end, 10) : PERIODIC_KEEP;
	if (every == NULL)
		return keep == NULL && into == NULL ? 0 : error_set(PMIG_EINVAL, "--keep and --into need --every TIME");
	if (keep != NULL && (end == keep || *end != '\0' || n < 1 || n > PERIODIC_KEEP_MAX))
		return error_set(PMIG_EINVAL, "--keep %.40s: a number from 1 to %d is needed", keep, PERIODIC_KEEP_MAX);
	if (into != NULL && realpath(into, checkpoints) == NULL)
		return error_errno(PMIG_ENOENT, errno, "%s, where checkpoints are to go", into);
	o->keep = (unsigned)n;
	o->checkpoints = into != NULL ? checkpoints : NULL;
	return periodic_interval(every, &o->every_ms);
}

int cmd_run(int argc, char **argv)
{
	struct supervisor_options o = {.ready_fd = -1};
	const char *policy = NULL, *every = NULL, *keep = NULL, *into = NULL;
	const char *kinds[CMD_TEXTS_MAX + 1] = {NULL};
	const struct cmd_option options[] = {
		{'d', "detach", NULL, "prints the name and returns; output goes to `pmig logs NAME`", NULL, &o.detached},
		{0, "name", "N", "what the program is called; its file name if not given", &o.name, NULL},
		{0, "policy", "FILE", "what its resources mean, as <pmig/pmig.h> would declare it", &policy, NULL},
		{0, "kind", "FILE...",
			"a shared object with a kind of resources, as <pmig/kind.h> has them; may be repeated", kinds, NULL},
		{0, "every", "TIME", "saves an image at this interval (500ms, 30s, 5m, 2h), for `pmig restart NAME`", &every,
			NULL},
		{0, "keep", "N", "how many images; 3 if not given", &keep, NULL},
		{0, "into", "DIR", "where they go; the state directory if not given", &into, NULL},
		{0, "on", "HOST", "brings it there with the libraries that are missing, and starts it there", &o.on, NULL},
		{0},
	};
	int first, status = cmd_parse("run", argc, argv, options, examples, 1, -1, &first);
	if (status > 0)
		return status == 1 ? 0 : FAILED;
	char path[PATH_MAX], state[PATH_MAX], policy_path[PATH_MAX], checkpoints[PATH_MAX], *text = NULL, *kind_paths = NULL;
	if (read_checkpoints(every, keep, into, checkpoints, &o) < 0) {
		(void)cmd_fail("run", PMIG_EINVAL);
		return FAILED;
	}
	if (policy != NULL && cmd_policy(policy, policy_path, &text) < 0) {
		(void)cmd_fail("run", PMIG_EINVAL);
		return FAILED;
	}
	if (cmd_paths(kinds, &kind_paths) < 0) {
		(void)cmd_fail("run", PMIG_ENOENT);
		return FAILED;
	}
	status = find_program(argv[first], path);
	if (status != 0) {
		(void)fprintf(stderr, "pmig run: %s: %s\n", argv[first],
			status == NOT_FOUND ? "there is no such program" : "it cannot be executed");
		return status;
	}
	if (cmd_state(state) < 0) {
		(void)cmd_fail("run", PMIG_EIO);
		return FAILED;
	}
	o.kinds = kind_paths;
	o.policy_text = text;
	o.policy = policy != NULL ? policy_path : NULL;
	o.state = state;
	o.path = path;
	o.argv = argv + first;
	status = o.detached ? cmd_detach(&o.ready_fd) : 0;
	status = status != 0 ? status : supervisor_run(&o);
	free(text);
	free(kind_paths);
	return status;
}
