/* attach: takes up a program that has no supervisor any more. */
#include "tools/cmd/cmd.h"
#include "tools/supervisor/supervisor.h"

#include <stdio.h>

#define FAILED 125 /* as `pmig run`: the other numbers are the program's */

int cmd_attach(int argc, char **argv)
{
	struct supervisor_options o = {.ready_fd = -1};
	const struct cmd_option options[] = {{0}};
	char state[PATH_MAX];
	int first,
		status = cmd_parse("attach", argc, argv, options, "  pmig run -d -- ./queens 16 && pmig attach queens\n", 1,
			1, &first);
	if (status > 0)
		return status == 1 ? 0 : FAILED;
	if (cmd_state(state) < 0) {
		(void)cmd_fail("attach", PMIG_EIO);
		return FAILED;
	}
	o.state = state;
	o.name = argv[first];
	return supervisor_run(&o);
}
