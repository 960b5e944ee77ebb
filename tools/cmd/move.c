/* move, plan: takes a running program to another host, or only thinks it through. */
#include "tools/cmd/cmd.h"

#include "registry/plan_limits.h"
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
		const char *less = json_string_value(json_object_get(line, "less"));
		if (less != NULL)
			(void)fprintf(stderr, "warning: it has not all that it had: %s\n", less);
	}
}

/* What the user wrote, as texts. */
struct wishes {
	const char *timeout, *method;
	bool plan, wait_children, plain_tcp;
	const char *limits[7];
	struct plan_limits limit;
};

static const char *const limit_names[] = {
	"max-reference", "max-transfer", "max-before", "max-frozen", "max-slowdown", "remaining", NULL};

/* 0, or the exit status. */
static int check(const char *verb, struct wishes *w, int *ret_method, double *ret_seconds)
{
	const char *method = w->method;
	*ret_method = method == NULL             ? 0
		: strcmp(method, "ssh") == 0     ? LINK_COMMAND
		: strcmp(method, "libssh2") == 0 ? LINK_SSH2
						 : -1;
	*ret_seconds = w->timeout != NULL ? strtod(w->timeout, NULL) : 0;
	if (*ret_method < 0 || *ret_seconds < 0 || (w->timeout != NULL && *ret_seconds == 0)) {
		(void)fprintf(stderr, "pmig %s: %s\n", verb,
			*ret_method < 0 ? "--ssh is ssh or libssh2" : "--timeout is a number of seconds");
		return CMD_USAGE;
	}
	for (size_t i = 0; limit_names[i] != NULL; i++)
		if (w->limits[i] != NULL && plan_limits_parse(&w->limit, limit_names[i], w->limits[i]) < 0) {
			(void)fprintf(stderr, "pmig %s: %s\n", verb, pmig_reason());
			return CMD_USAGE;
		}
	return 0;
}

static int move(const char *verb, int argc, char **argv)
{
	struct wishes w = {.plan = strcmp(verb, "plan") == 0};
	struct view v = {.terminal = isatty(2) == 1, .exit_status = -1};
	const struct cmd_option options[] = {
		{0, "plan", NULL, "shows what would be done, and does nothing", NULL, &w.plan},
		{0, "max-reference", "RATE", "20MB/s or 10%: all references together may need no more", &w.limits[0], NULL},
		{0, "max-transfer", "SIZE", "1GB: no more is sent, the program's memory included", &w.limits[1], NULL},
		{0, "max-before", "TIME", "30s: no longer before the freeze", &w.limits[2], NULL},
		{0, "max-frozen", "TIME", "2s or 500ms: no longer frozen", &w.limits[3], NULL},
		{0, "max-slowdown", "PART", "50%: no reference may slow the run down by more", &w.limits[4], NULL},
		{0, "remaining", "TIME", "2h: it will run on so long; as long as it has run if not given", &w.limits[5],
			NULL},
		{0, "strict", NULL, "refuses what the program opened and nobody declared", NULL, &w.limit.strict},
		{0, "wait-children", NULL, "waits for child processes that run, instead of refusing", NULL,
			&w.wait_children},
		{0, "plain-tcp", NULL, "the network is trusted: bytes of connections go directly, in clear, not by SSH",
			NULL, &w.plain_tcp},
		{0, "timeout", "S", "seconds for the program to reach a safe point; 30 if not given", &w.timeout, NULL},
		{0, "ssh", "METHOD", "ssh (the command, with your ssh_config) or libssh2", &w.method, NULL},
		{0, "json", NULL, "the result as a JSON object", NULL, &v.json},
		{0},
	};
	static const char moves[] = "  pmig move queens beta\n  pmig move --max-frozen 2s index mig@beta:2222\n"
				    "  pmig move queens home\n";
	static const char plans[] = "  pmig plan queens beta\n  pmig plan --max-reference 10% --json index mig@beta:2222\n";
	bool is_plan = w.plan;
	int first, method,
		status = cmd_parse(verb, argc, argv, is_plan ? options + 1 : options, is_plan ? plans : moves, 2, 2, &first);
	double seconds;
	if (status > 0)
		return status - 1;
	status = check(verb, &w, &method, &seconds);
	if (status != 0)
		return status;
	int r = cmd_call(argv[first],
		json_pack("{s:s, s:s, s:i, s:i, s:b, s:b, s:b, s:b, s:i, s:o}", "do", "move", "target", argv[first + 1],
			"method", method, "timeout_ms", (int)(seconds * 1000), "wait_children", (int)w.wait_children,
			"plain_tcp", (int)w.plain_tcp, "plan", (int)w.plan, "json", (int)v.json, "columns", cmd_columns(),
			"limits", plan_limits_json(&w.limit)),
		on_line, &v);
	if (r < 0) {
		int failed = cmd_fail(w.plan ? "plan" : "move", r);
		return v.exit_status > 0 ? v.exit_status : failed;
	}
	return 0;
}

int cmd_move(int argc, char **argv)
{
	return move("move", argc, argv);
}

int cmd_plan(int argc, char **argv)
{
	return move("plan", argc, argv);
}
