/* pmig: finds the verb and runs it; `pmig VERB` and `pmig-VERB` are the same. */
#include "tools/cmd/cmd.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>

static void help(FILE *out)
{
	size_t count;
	const struct cmd_verb *verbs = cmd_verbs(&count);
	(void)fputs("pmig carries running C programs to other machines.\n\nusage: pmig VERB [OPTION...] [ARGUMENT...]\n\n",
		out);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, "  %-12s %s\n", verbs[i].name, verbs[i].words);
	(void)fputs("\n`pmig VERB --help` has the options and examples.\n\n"
		    "exit status of the verbs: 0 done, 2 usage, 3 refused (nothing was touched), 4 the host was not reached,\n"
		    "5 failed and the source goes on, 6 in doubt or an image waits. `pmig run` ends as the program does; its own\n"
		    "failures are 125, 126 (cannot be executed), 127 (not found).\n",
		out);
}

int main(int argc, char **argv)
{
	const char *self = basename(argv[0]);
	const struct cmd_verb *v = strncmp(self, "pmig-", 5) == 0 ? cmd_verb(self + 5) : NULL;
	if (v != NULL)
		return v->function(argc, argv);
	if (argc >= 2)
		v = cmd_verb(argv[1]);
	if (v != NULL)
		return v->function(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		(void)puts("pmig " PMIG_VERSION);
		return 0;
	}
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		help(stdout);
		return 0;
	}
	if (argc >= 2)
		(void)fprintf(stderr, "pmig: there is no verb \"%s\"; `pmig --help` has them\n", argv[1]);
	else
		help(stderr);
	return CMD_USAGE;
}
