/* kill: a signal for a program, wherever it is. */
#include "tools/cmd/cmd.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int signal_number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);
	if (*end == '\0' && n >= 0 && n < NSIG)
		return (int)n;
	if (strncmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i) != NULL && strcmp(sigabbrev_np(i), text) == 0)
			return i;
	return -1;
}

int cmd_kill(int argc, char **argv)
{
	const char *name_of_signal = "TERM";
	/* kill(1)'s own form, -KILL or -9, is not one that getopt knows. */
	if (argc > 2 && argv[1][0] == '-' && argv[1][1] != '-' && strcmp(argv[1], "-s") != 0) {
		name_of_signal = argv[1] + 1;
		argv++;
		argc--;
	}
	const struct cmd_option options[] = {
		{'s', "signal", "SIGNAL", "by name or number; TERM if not given", &name_of_signal, NULL}, {0}};
	int first,
		status = cmd_parse("kill", argc, argv, options, "  pmig kill queens\n  pmig kill -USR1 queens\n", 1, 1,
			&first);
	if (status > 0)
		return status - 1;
	int number = signal_number(name_of_signal);
	if (number < 0) {
		(void)fprintf(stderr, "pmig kill: there is no signal %s\n", name_of_signal);
		return CMD_USAGE;
	}
	int r = cmd_call(argv[first], json_pack("{s:s, s:i}", "do", "kill", "number", number), NULL, NULL);
	return r < 0 ? cmd_fail("kill", r) : 0;
}
