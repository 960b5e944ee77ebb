/* registry, references: the registry of this host, list by list. */
#include "tools/cmd/cmd.h"

#include "registry/list.h"
#include "registry/store.h"

#include <stdio.h>

static int run(const char *verb, const char *list, const char *process, bool json)
{
	struct pmig_store *store;
	int r = registry_store_open_readonly(NULL, &store);
	if (r < 0)
		return cmd_fail(verb, r);
	r = list_run(registry_store_database(store), list, process, json ? LIST_JSON : LIST_TABLE, stdout);
	registry_store_close(store);
	return r < 0 ? cmd_fail(verb, r) : 0;
}

int cmd_registry(int argc, char **argv)
{
	bool json = false;
	const struct cmd_option options[] = {{0, "json", NULL, "as a JSON array", NULL, &json}, {0}};
	int first,
		status = cmd_parse("registry", argc, argv, options,
			"  pmig registry\n  pmig registry resources queens\n  pmig registry --json processes\n", 0, 2,
			&first);
	if (status > 0)
		return status - 1;
	if (first < argc)
		return run("registry", argv[first], first + 1 < argc ? argv[first + 1] : NULL, json);
	size_t count;
	const struct list_query *q = list_queries(&count);
	for (size_t i = 0; i < count; i++)
		(void)printf("%-14s %s\n", q[i].name, q[i].about);
	return 0;
}

int cmd_references(int argc, char **argv)
{
	bool json = false;
	const struct cmd_option options[] = {{0, "json", NULL, "as a JSON array", NULL, &json}, {0}};
	int first, status = cmd_parse("references", argc, argv, options, "  pmig references queens\n", 0, 1, &first);
	if (status > 0)
		return status - 1;
	return run("references", "references", first < argc ? argv[first] : NULL, json);
}
