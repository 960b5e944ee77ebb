/* checkpoint: an image of a running program. */
#include "tools/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void on_line(void *context, const json_t *line)
{
	const bool *json = context;
	if (*json) {
		(void)json_dumpf(line, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	} else if (json_object_get(line, "code") == NULL) {
		(void)fprintf(stderr, "%s: %.1f MB, %lld frames, stopped for %.3f s\n",
			json_string_value(json_object_get(line, "file")),
			(double)json_integer_value(json_object_get(line, "bytes")) / 1e6,
			(long long)json_integer_value(json_object_get(line, "frames")),
			(double)json_integer_value(json_object_get(line, "ns")) / 1e9);
	}
}

int cmd_checkpoint(int argc, char **argv)
{
	const char *file = NULL, *timeout = NULL;
	bool stop = false, json = false, wait_children = false;
	const struct cmd_option options[] = {
		{'o', "output", "FILE", "where the image goes", &file, NULL},
		{0, "stop", NULL, "the program ends; `pmig restart FILE` continues it", NULL, &stop},
		{0, "wait-children", NULL, "waits for child processes that run, instead of refusing", NULL, &wait_children},
		{0, "timeout", "S", "seconds for the program to reach a safe point; 30 if not given", &timeout, NULL},
		{0, "json", NULL, "the result as a JSON object", NULL, &json},
		{0},
	};
	int first,
		status = cmd_parse("checkpoint", argc, argv, options,
			"  pmig checkpoint queens -o queens.image\n  pmig checkpoint --stop queens -o queens.image\n", 1, 1,
			&first);
	if (status > 0)
		return status - 1;
	char path[PATH_MAX], directory[PATH_MAX / 2];
	if (file == NULL || *file == '\0' || (file[0] != '/' && getcwd(directory, sizeof directory) == NULL)) {
		(void)fputs("pmig checkpoint: -o FILE is missing\n", stderr);
		return CMD_USAGE;
	}
	if (file[0] == '/')
		(void)snprintf(path, sizeof path, "%s", file);
	else
		(void)snprintf(path, sizeof path, "%s/%.2000s", directory, file);
	int r = cmd_call(argv[first],
		json_pack("{s:s, s:s, s:b, s:b, s:i}", "do", "checkpoint", "path", path, "stop", (int)stop, "wait_children",
			(int)wait_children, "timeout_ms", (int)((timeout != NULL ? strtod(timeout, NULL) : 0) * 1000)),
		on_line, &json);
	return r < 0 ? cmd_fail("checkpoint", r) : 0;
}
