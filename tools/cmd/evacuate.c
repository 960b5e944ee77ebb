/* evacuate: takes all programs of this user away from a host, and tells what still needs it. */
#include "tools/cmd/cmd.h"

#include "transport/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEEDED 3 /* exit status: something still needs the host */

struct view {
	const char *host;
	json_t *programs; /* those that were started here and live */
	json_t *moved, *stayed, *needs;
};

static void set(json_t *object, const char *key, const char *text)
{
	(void)json_object_set_new(object, key, json_string(text));
}

static int gather(void *context, const struct pmig_process_row *row)
{
	struct view *v = context;
	if (row->exit_status >= 0 || row->state >= PMIG_PROCESS_LEFT)
		return 0;
	return json_array_append_new(v->programs,
		json_pack("{s:s, s:s, s:s}", "name", row->name, "uuid", row->uuid, "home", row->home));
}

static void on_status(void *context, const json_t *object)
{
	json_t *program = context;
	if (json_object_get(object, "host") != NULL)
		(void)json_object_set(program, "host", json_object_get(object, "host"));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value != NULL ? value : "";
}

static void on_move(void *context, const json_t *line)
{
	json_t *result = context;
	if (json_is_true(json_object_get(line, "done")) && json_object_get(line, "stopped_ms") != NULL)
		(void)json_object_set(result, "stopped_ms", json_object_get(line, "stopped_ms"));
}

/* Those whose supervisor does not answer may be there or not: that is said. */
static void find(json_t *program)
{
	if (cmd_call(text(program, "name"), json_pack("{s:s}", "do", "status"), on_status, program) < 0)
		set(program, "unknown", "nobody supervises it now; `pmig attach` takes it up");
}

static void move(struct view *v, json_t *program, const char *target, int method)
{
	json_t *result = json_pack("{s:s, s:s}", "name", text(program, "name"), "to", target);
	int r = cmd_call(text(program, "name"),
		json_pack("{s:s, s:s, s:i, s:i, s:i, s:{}}", "do", "move", "target", target, "method", method, "timeout_ms",
			0, "columns", 0, "limits"),
		on_move, result);
	if (r >= 0) {
		(void)json_array_append_new(v->moved, result);
		return;
	}
	set(result, "reason", pmig_reason());
	(void)json_array_append_new(v->stayed, result);
}

struct looking {
	struct view *view;
	const char *name;
};

/* "HOST LOCATOR #NUMBER": tools/supervisor/channels_held.c. */
static int see_reference(void *context, const struct pmig_reference_row *row)
{
	const struct looking *l = context;
	size_t n = strlen(l->view->host);
	const char *number = strrchr(row->from, '#');
	if (strncmp(row->from, l->view->host, n) != 0 || row->from[n] != ' ')
		return 0;
	const char *what = row->from + n + 1;
	int size = number != NULL && number > what ? (int)(number - what - 1) : (int)strlen(what);
	return json_array_append_new(l->view->needs,
		json_pack("{s:s, s:s, s:s%, s:s}", "name", l->name, "kind", row->kind, "what", what, (size_t)size, "why",
			row->why != NULL ? row->why : ""));
}

static int look(struct view *v, struct pmig_store *store)
{
	size_t i;
	json_t *program;
	int r = 0;
	json_array_foreach(v->programs, i, program)
	{
		struct looking l = {v, text(program, "name")};
		if (strcmp(text(program, "home"), v->host) == 0)
			(void)json_array_append_new(v->needs,
				json_pack("{s:s, s:s, s:s, s:s}", "name", l.name, "kind", "home", "what",
					"terminal, output and registry", "why", "it was started there"));
		if (r >= 0)
			r = store->reference_list(store, text(program, "uuid"), see_reference, &l);
	}
	return r;
}

static void show(const struct view *v)
{
	size_t i;
	const json_t *one;
	json_array_foreach(v->moved, i, one)
	{
		(void)printf("%s runs on %s now\n", text(one, "name"), text(one, "to"));
	}
	json_array_foreach(v->stayed, i, one)
	{
		(void)printf("%s stays on %s: %s\n", text(one, "name"), v->host, text(one, "reason"));
	}
	json_array_foreach(v->programs, i, one)
	{
		if (json_object_get(one, "unknown") != NULL)
			(void)printf("%s may be there: %s\n", text(one, "name"), text(one, "unknown"));
	}
	json_array_foreach(v->needs, i, one)
	{
		(void)printf("%s needs %s: %s %s (%s)\n", text(one, "name"), v->host, text(one, "kind"), text(one, "what"),
			text(one, "why"));
	}
	if (json_array_size(v->stayed) + json_array_size(v->needs) == 0)
		(void)printf("nothing needs %s\n", v->host);
}

/* [USER@]HOST[:PORT] as it is called in registries. */
static void label(const char *where, char ret_label[PMIG_NAME_MAX + 1])
{
	const char *at = strrchr(where, '@');
	const char *host = at != NULL ? at + 1 : where;
	(void)snprintf(ret_label, PMIG_NAME_MAX + 1, "%.*s", (int)strcspn(host, host[0] == '[' ? "]" : ":"), host);
}

static int evacuate(struct view *v, const char *target, int method)
{
	struct pmig_store *store;
	size_t i;
	json_t *program;
	int r = cmd_store(&store);
	if (r < 0)
		return r;
	r = store->process_list(store, gather, v);
	store->close(store);
	json_array_foreach(v->programs, i, program)
	{
		find(program);
		if (strcmp(text(program, "host"), v->host) == 0)
			move(v, program, target, method);
	}
	if (r >= 0)
		r = cmd_store(&store);
	if (r < 0)
		return r;
	r = look(v, store);
	store->close(store);
	return r;
}

int cmd_evacuate(int argc, char **argv)
{
	bool json = false;
	const char *target = "home", *how = NULL;
	const struct cmd_option options[] = {
		{0, "to", "[USER@]HOST[:PORT]", "where they go; home if not given", &target, NULL},
		{0, "ssh", "METHOD", "ssh (the command, with your ssh_config) or libssh2", &how, NULL},
		{0, "json", NULL, "as a JSON object", NULL, &json},
		{0},
	};
	int first,
		status = cmd_parse("evacuate", argc, argv, options,
			"  pmig evacuate beta\n  pmig evacuate --to gamma --json beta | jq .needs\n", 1, 1, &first);
	if (status > 0)
		return status - 1;
	int method = how == NULL ? 0 : strcmp(how, "ssh") == 0 ? LINK_COMMAND : strcmp(how, "libssh2") == 0 ? LINK_SSH2 : -1;
	char host[PMIG_NAME_MAX + 1], to[PMIG_NAME_MAX + 1];
	label(argv[first], host);
	label(target, to);
	if (method < 0 || strcmp(host, to) == 0) {
		(void)fprintf(stderr, "pmig evacuate: %s\n",
			method < 0 ? "--ssh is ssh or libssh2"
				   : "they cannot go to where they are to leave; --to HOST names another one");
		return CMD_USAGE;
	}
	struct view v = {
		.host = host, .programs = json_array(), .moved = json_array(), .stayed = json_array(), .needs = json_array()};
	int r = evacuate(&v, target, method);
	bool left = json_array_size(v.stayed) + json_array_size(v.needs) > 0;
	if (r >= 0 && json) {
		json_t *all = json_pack("{s:s, s:O, s:O, s:O}", "host", host, "moved", v.moved, "stayed", v.stayed, "needs",
			v.needs);
		(void)json_dumpf(all, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(all);
	} else if (r >= 0) {
		show(&v);
	}
	json_decref(v.programs);
	json_decref(v.moved);
	json_decref(v.stayed);
	json_decref(v.needs);
	return r < 0 ? cmd_fail("evacuate", r) : left ? NEEDED : 0;
}
