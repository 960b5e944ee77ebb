/* move: takes a running program to another host. */
#include "tools/cmd/cmd.h"
#include "transport/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct view {
	bool json, terminal;
	bool open_line; /* a line of progress stands there without its end */
	int exit_status;
};

static void on_progress(const struct view *v, const json_t *line)
{
	const char *phase = json_string_value(json_object_get(line, "phase"));
	const json_t *bytes = json_object_get(line, "bytes");
	if (!v->terminal || phase == NULL)
		return;
	if (bytes != NULL)
		(void)fprintf(stderr, "\r\033[K%-9s %8.1f of %.1f MB  %7.1f MB/s  %.1f s left", phase,
			(double)json_integer_value(bytes) / 1e6,
			(double)json_integer_value(json_object_get(line, "total")) / 1e6,
			json_real_value(json_object_get(line, "rate")) / 1e6,
			json_real_value(json_object_get(line, "left")));
	else
		(void)fprintf(stderr, "\r\033[K%-9s", phase);
	(void)fflush(stderr);
}

static void on_line(void *context, const json_t *line)
{
	struct view *v = context;
	if (!json_is_true(json_object_get(line, "done"))) {
		on_progress(v, line);
		return;
	}
	if (v->terminal)
		(void)fputs("\r\033[K", stderr);
	const json_t *status = json_object_get(line, "exit");
	v->exit_status = json_is_integer(status) ? (int)json_integer_value(status) : -1;
	const json_t *plan = json_object_get(line, "plan");
	if (v->json) {
		(void)json_dumpf(plan != NULL ? plan : line, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	} else if (json_is_string(plan)) {
		(void)fputs(json_string_value(plan), stdout);
	} else if (v->exit_status == 0) {
		(void)fprintf(stderr, "%s runs on %s: stopped for %.3f s, %.1f MB\n",
			json_string_value(json_object_get(line, "name")), json_string_value(json_object_get(line, "to")),
			(double)json_integer_value(json_object_get(line, "stopped_ms")) / 1000,
			(double)json_integer_value(json_object_get(line, "bytes")) / 1e6);
	}
}

int cmd_move(int argc, char **argv)
{
	const char *timeout = NULL, *method = NULL;
	struct view v = {.terminal = isatty(2) == 1, .exit_status = -1};
	bool plan = false;
	const struct cmd_option options[] = {
		{0, "plan", NULL, "shows what would be done, and does nothing", NULL, &plan},
		{0, "timeout", "S", "seconds for the program to reach a safe point; 30 if not given", &timeout, NULL},
		{0, "ssh", "METHOD", "ssh (the command, with your ssh_config) or libssh2", &method, NULL},
		{0, "json", NULL, "the result as a JSON object", NULL, &v.json},
		{0},
	};
	int first,
		status = cmd_parse("move", argc, argv, options,
			"  pmig move queens beta\n  pmig move --plan index mig@beta:2222\n  pmig move queens home\n", 2, 2,
			&first);
	if (status > 0)
		return status - 1;
	int ssh = method == NULL                 ? 0
		: strcmp(method, "ssh") == 0     ? LINK_COMMAND
		: strcmp(method, "libssh2") == 0 ? LINK_SSH2
						 : -1;
	double seconds = timeout != NULL ? strtod(timeout, NULL) : 0;
	if (ssh < 0 || seconds < 0 || (timeout != NULL && seconds == 0)) {
		(void)fprintf(stderr, "pmig move: %s\n",
			ssh < 0 ? "--ssh is ssh or libssh2" : "--timeout is a number of seconds");
		return CMD_USAGE;
	}
	int r = cmd_call(argv[first],
		json_pack("{s:s, s:s, s:i, s:i, s:b, s:b}", "do", "move", "target", argv[first + 1], "method", ssh,
			"timeout_ms", (int)(seconds * 1000), "plan", (int)plan, "json", (int)v.json),
		on_line, &v);
	if (r < 0) {
		int failed = cmd_fail(plan ? "plan" : "move", r);
		return v.exit_status > 0 ? v.exit_status : failed;
	}
	return 0;
}
