/* faults: the points where a hand-over can be made to go wrong. */
#include "tools/cmd/cmd.h"
#include "transport/fault.h"

#include <stdio.h>

int cmd_faults(int argc, char **argv)
{
	bool json = false;
	const struct cmd_option options[] = {{0, "json", NULL, "as a JSON array", NULL, &json}, {0}};
	int first,
		status = cmd_parse("faults", argc, argv, options,
			"  PMIG_FAULT=commit:sent=cut:target pmig run -- ./queens 12\n"
			"  actions: fail, delay:MS, kill-program[:SIDE], kill-agent[:SIDE], kill-supervisor, cut[:SIDE]; SIDE: source, target\n",
			0, 0, &first);
	if (status > 0)
		return status - 1;
	size_t count;
	const struct fault_point *p = fault_points(&count);
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++) {
		if (json)
			(void)json_array_append_new(array,
				json_pack("{s:s, s:s, s:s}", "point", p[i].name, "where", fault_place_name(p[i].place),
					"about", p[i].words));
		else
			(void)printf("%-18s %-11s %s\n", p[i].name, fault_place_name(p[i].place), p[i].words);
	}
	if (json && json_dumpf(array, stdout, JSON_INDENT(2)) == 0)
		(void)putchar('\n');
	json_decref(array);
	return 0;
}
