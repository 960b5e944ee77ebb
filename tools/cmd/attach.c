/* attach, recover: take up a program that has no supervisor any more. */
#include "tools/cmd/cmd.h"
#include "tools/supervisor/supervisor.h"

#include <stdio.h>

#define FAILED 125 /* as `pmig run`: the other numbers are the program's */

static int take_up(const char *verb, int argc, char **argv, const char *examples, bool recover)
{
	struct supervisor_options o = {.ready_fd = -1, .recover = recover};
	const struct cmd_option options[] = {{0}};
	char state[PATH_MAX];
	int first, status = cmd_parse(verb, argc, argv, options, examples, 1, 1, &first);
	if (status > 0)
		return status == 1 ? 0 : FAILED;
	if (cmd_state(state) < 0) {
		(void)cmd_fail(verb, PMIG_EIO);
		return FAILED;
	}
	o.state = state;
	o.name = argv[first];
	return supervisor_run(&o);
}

int cmd_attach(int argc, char **argv)
{
	return take_up("attach", argc, argv, "  pmig run -d -- ./queens 16 && pmig attach queens\n", false);
}

int cmd_recover(int argc, char **argv)
{
	return take_up("recover", argc, argv, "  pmig recover queens\n", true);
}
