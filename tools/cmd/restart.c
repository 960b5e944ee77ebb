/* restart: a program goes on from an image. */
#include "tools/cmd/cmd.h"
#include "tools/supervisor/periodic.h"
#include "tools/supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REFUSED 3 /* nothing was touched; other numbers are the program's, or those of `pmig run` */

static void on_passed(const char *reason)
{
	(void)fprintf(stderr, "pmig restart: %s: the image before it is taken\n", reason);
}

/* A program's name instead of a file's: its newest whole image, of those that were made at intervals; files are then what they were. */
static int find_image(const char *operand, const char *state, char ret_image[PATH_MAX], bool *rewind)
{
	struct pmig_process_row *row = NULL;
	int64_t when = 0;
	if (realpath(operand, ret_image) != NULL)
		return 0;
	int number = errno;
	if (number != ENOENT || strchr(operand, '/') != NULL)
		return error_errno(PMIG_ENOENT, number, "%s", operand);
	int r = cmd_find(operand, &row);
	if (r == PMIG_ENOENT)
		return error_set(r, "%s: there is no such file, and no program of that name", operand);
	if (r >= 0 && row->state == PMIG_PROCESS_STORED)
		r = error_set(PMIG_EREFUSED, "%s was stopped: `pmig ps` shows where its image is", operand);
	if (r >= 0)
		r = periodic_newest(state, row->uuid, on_passed, ret_image, &when);
	if (r == PMIG_ENOENT)
		r = error_set(r, "%s: there is no such file, and no image of the program was made (`pmig run --every`)",
			operand);
	free(row);
	if (r < 0)
		return r;
	char at[32] = "";
	struct tm tm;
	time_t seconds = (time_t)(when / 1000000000);
	if (localtime_r(&seconds, &tm) != NULL)
		(void)strftime(at, sizeof at, "%F %T", &tm);
	(void)fprintf(stderr, "pmig restart: %s goes on from where it was at %s (%s)\n", operand, at, ret_image);
	*rewind = true;
	return 0;
}

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
			"  pmig restart --clone queens.image -- ./queens\n"
			"  pmig restart queens # the newest image of `pmig run --every`\n",
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
	if (operand < argc && realpath(argv[operand], program) == NULL) {
		(void)fprintf(stderr, "pmig restart: %s: %m\n", argv[operand]);
		return REFUSED;
	}
	if (cmd_state(state) < 0 || find_image(argv[first], state, image, &o.rewind) < 0 ||
		cmd_paths(kinds, &kind_paths) < 0) {
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
