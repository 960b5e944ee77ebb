/* wait: ends when a program ends, as it did. */
#include "tools/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>

#define FAILED 125 /* as `pmig run`: the other numbers are the program's */

static void on_line(void *context, const json_t *object)
{
	const json_t *status = json_object_get(object, "status");
	if (json_is_integer(status))
		*(int *)context = (int)json_integer_value(status);
}

int cmd_wait(int argc, char **argv)
{
	const struct cmd_option options[] = {{0}};
	int first,
		status = cmd_parse("wait", argc, argv, options, "  pmig run -d -- ./queens 12 && pmig wait queens\n", 1, 1,
			&first);
	if (status > 0)
		return status == 1 ? 0 : FAILED;
	int exit_status = -1;
	int r = cmd_call(argv[first], json_pack("{s:s}", "do", "wait"), on_line, &exit_status);
	if (exit_status >= 0)
		return exit_status;
	struct pmig_process_row *row = NULL;
	if (cmd_find(argv[first], &row) >= 0) { /* it has ended before, or while we asked */
		exit_status = (int)row->exit_status;
		free(row);
		if (exit_status >= 0)
			return exit_status;
		(void)error_set(r < 0 ? r : PMIG_EGONE, "%s has no supervisor now; `pmig attach %s` takes it up",
			argv[first], argv[first]);
	}
	(void)cmd_fail("wait", PMIG_EGONE);
	return FAILED;
}
