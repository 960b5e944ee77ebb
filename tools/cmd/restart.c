/* restart: a program goes on from an image. */
#include "tools/cmd/cmd.h"
#include "tools/supervisor/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED 3 /* nothing was touched; other numbers are the program's, or those of `pmig run` */

int cmd_restart(int argc, char **argv)
{
	struct supervisor_options o = {.ready_fd = -1};
	const char *kinds[CMD_TEXTS_MAX + 1] = {NULL};
	char *kind_paths = NULL;
	const struct cmd_option options[] = {
		{'d', "detach", NULL, "prints the name and returns; output goes to `pmig logs NAME`", NULL, &o.detached},
		{0, "name", "N", "what the program is called; as before if not given", &o.name, NULL},
		{0, "kind", "FILE...", "as with `pmig run`; those that it was started with here, if not given", kinds, NULL},
		{0, "rewind", NULL, "files that were changed since are set aside as PATH.old, and are again what they were",
			NULL, &o.rewind},
		{0, "clone", NULL, "as another program, beside the one that was saved", NULL, &o.clone},
		{0},
	};
	int first,
		status = cmd_parse("restart", argc, argv, options,
			"  pmig checkpoint --stop queens -o queens.image && pmig restart queens.image\n"
			"  pmig restart --clone queens.image -- ./queens\n",
			1, -1, &first);
	if (status > 0)
		return status - 1;
	char image[PATH_MAX], state[PATH_MAX], program[PATH_MAX];
	int operand = first + 1 < argc && strcmp(argv[first + 1], "--") == 0 ? first + 2 : first + 1;
	if (operand + 1 < argc) {
		(void)fprintf(stderr, "pmig restart: %s: the program goes on with the arguments that it had\n",
			argv[operand + 1]);
		return CMD_USAGE;
	}
	if (realpath(argv[first], image) == NULL || (operand < argc && realpath(argv[operand], program) == NULL)) {
		(void)fprintf(stderr, "pmig restart: %s: %m\n", operand < argc ? argv[operand] : argv[first]);
		return REFUSED;
	}
	if (cmd_paths(kinds, &kind_paths) < 0 || cmd_state(state) < 0) {
		(void)cmd_fail("restart", PMIG_EIO);
		return REFUSED;
	}
	o.state = state;
	o.image = image;
	o.kinds = kind_paths;
	o.path = operand < argc ? program : NULL;
	status = o.detached ? cmd_detach(&o.ready_fd) : 0;
	status = status != 0 ? status : supervisor_run(&o);
	free(kind_paths);
	return status;
}
