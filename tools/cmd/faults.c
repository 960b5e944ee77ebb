/* faults: the points where a hand-over can be made to go wrong. */
#include "tools/cmd/cmd.h"
#include "transport/fault.h"

#include <stdio.h>

/* What can go wrong there. */
static json_t *suitable(const struct fault_point *p)
{
	json_t *names = json_array();
	for (int action = FAULT_FAIL; fault_action_name((enum fault_action)action) != NULL; action++)
		if (fault_suits(p, (enum fault_action)action))
			(void)json_array_append_new(names, json_string(fault_action_name((enum fault_action)action)));
	return names;
}

int cmd_faults(int argc, char **argv)
{
	bool json = false;
	const struct cmd_option options[] = {{0, "json", NULL, "as a JSON array", NULL, &json}, {0}};
	int first,
		status = cmd_parse("faults", argc, argv, options,
			"  PMIG_FAULT=commit:sent=cut:target pmig run -- ./queens 12\n"
			"  actions: fail, delay:MS, kill-program[:SIDE], kill-agent[:SIDE], kill-supervisor, cut[:SIDE], power[:SIDE];\n"
			"  full, where a row or data is written; short, corrupt[:SEED], where data is. SIDE: source, target\n",
			0, 0, &first);
	if (status > 0)
		return status - 1;
	size_t count;
	const struct fault_point *p = fault_points(&count);
	static const char *const deeds[] = {"", "step", "row", "data"};
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++) {
		if (json)
			(void)json_array_append_new(array,
				json_pack("{s:s, s:s, s:s, s:o, s:s}", "point", p[i].name, "where",
					fault_place_name(p[i].place), "deed", deeds[p[i].deed], "actions", suitable(&p[i]),
					"about", p[i].words));
		else
			(void)printf("%-18s %-11s %-5s %s\n", p[i].name, fault_place_name(p[i].place), deeds[p[i].deed],
				p[i].words);
	}
	if (json && json_dumpf(array, stdout, JSON_INDENT(2)) == 0)
		(void)putchar('\n');
	json_decref(array);
	return 0;
}
