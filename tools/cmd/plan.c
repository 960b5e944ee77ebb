/* plan: a move that is only thought through. */
#include "tools/cmd/cmd.h"

int cmd_plan(int argc, char **argv)
{
	char *arguments[16] = {argv[0], (char *)"--plan"};
	if (argc > 14) {
		(void)error_set(PMIG_EINVAL, "too many arguments");
		return cmd_fail("plan", PMIG_EINVAL);
	}
	for (int i = 1; i < argc; i++)
		arguments[i + 1] = argv[i];
	return cmd_move(argc + 1, arguments);
}
