/* ps: what was started here, and where it is. */
#include "registry/table.h"
#include "tools/cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const states[] = {
	"", "starting", "running", "frozen", "in doubt", "image waits", "away", "left", "ended"};

struct listing {
	json_t *array;
	bool all;
};

static int gather(void *context, const struct pmig_process_row *row)
{
	struct listing *l = context;
	if (!l->all && row->state >= PMIG_PROCESS_LEFT)
		return 0;
	return json_array_append_new(l->array,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "name", row->name, "uuid", row->uuid, "program",
			row->program, "home", row->home, "state", states[row->state], "epoch", (json_int_t)row->epoch, "pid",
			(json_int_t)row->pid, "started", (json_int_t)row->started, "exit_status",
			(json_int_t)row->exit_status));
}

static void on_status(void *context, const json_t *object)
{
	json_t *row = context;
	static const char *const keys[] = {"host", "moving", "connected", "epoch", "addresses"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (json_object_get(object, keys[i]) != NULL)
			(void)json_object_set(row, keys[i], json_object_get(object, keys[i]));
}

/* The youngest is the one that waits. */
static int take_image(void *context, const struct pmig_image_row *row)
{
	json_t *object = context;
	if (json_object_get(object, "image") == NULL)
		(void)json_object_set_new(object, "image", json_string(row->path));
	return 0;
}

/* What the registry cannot know: where it is now, as its supervisor says. */
static void ask(json_t *row)
{
	if (json_integer_value(json_object_get(row, "exit_status")) >= 0)
		return;
	int r = cmd_call(json_string_value(json_object_get(row, "name")), json_pack("{s:s}", "do", "status"), on_status,
		row);
	(void)json_object_set_new(row, "supervised", json_boolean(r >= 0));
}

static void show(struct table *t, const json_t *row)
{
	const char *host = json_string_value(json_object_get(row, "host"));
	const char *state = json_string_value(json_object_get(row, "state"));
	const char *image = json_string_value(json_object_get(row, "image"));
	int64_t status = json_integer_value(json_object_get(row, "exit_status"));
	char words[64], started[32], epoch[32];
	time_t at = (time_t)(json_integer_value(json_object_get(row, "started")) / 1000000000);
	struct tm tm;
	(void)strftime(started, sizeof started, "%F %T", localtime_r(&at, &tm));
	(void)snprintf(epoch, sizeof epoch, "%" PRId64, (int64_t)json_integer_value(json_object_get(row, "epoch")));
	if (status >= 0)
		(void)snprintf(words, sizeof words, "ended (%" PRId64 ")", status);
	else
		(void)snprintf(words, sizeof words, "%s%s%s", json_is_true(json_object_get(row, "moving")) ? "moving, " : "",
			host != NULL && strcmp(host, json_string_value(json_object_get(row, "home"))) != 0 ? "running"
													   : state,
			json_is_false(json_object_get(row, "connected")) ? ", not reached" : "");
	table_row(t,
		(const char *const[]){json_string_value(json_object_get(row, "name")), host != NULL ? host : "-", words,
			epoch, started, json_string_value(json_object_get(row, "program"))});
	char *note = NULL;
	size_t i;
	const json_t *one;
	json_array_foreach(json_object_get(row, "addresses"), i, one)
	{
		const char *at = json_string_value(json_object_get(one, "at")),
			   *address = json_string_value(json_object_get(one, "address"));
		bool here = at != NULL && host != NULL && strcmp(at, host) == 0;
		if (at == NULL || address == NULL ||
			asprintf(&note, "found at %s: %s%s", at, address, here ? "" : ", which leads to it") < 0)
			continue;
		table_note(t, note);
		free(note);
		note = NULL;
	}
	if (image != NULL && asprintf(&note, "image %s", image) >= 0)
		table_note(t, note);
	free(note);
}

static int show_all(const json_t *rows)
{
	struct table *t = table_create(6);
	if (t == NULL)
		return error_set(PMIG_ENOMEM, "not enough memory");
	table_numeric(t, 3);
	table_row(t, (const char *const[]){"NAME", "HOST", "STATE", "EPOCH", "STARTED", "PROGRAM"});
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row) show(t, row);
	int r = table_print(t, cmd_columns(), 0, stdout);
	table_destroy(t);
	return r;
}

int cmd_ps(int argc, char **argv)
{
	bool json = false;
	struct listing l = {0};
	const struct cmd_option options[] = {
		{'a', "all", NULL, "also those that have ended", NULL, &l.all},
		{0, "json", NULL, "as a JSON array", NULL, &json},
		{0},
	};
	int first,
		status = cmd_parse("ps", argc, argv, options, "  pmig ps\n  pmig ps -a --json | jq '.[].name'\n", 0, 0,
			&first);
	if (status > 0)
		return status - 1;
	l.array = json_array();
	struct pmig_store *store;
	int r = cmd_store(&store);
	if (r >= 0) {
		r = store->process_list(store, gather, &l);
		size_t k;
		json_t *entry;
		json_array_foreach(l.array, k, entry) if (strcmp(json_string_value(json_object_get(entry, "state")),
								  states[PMIG_PROCESS_STORED]) == 0)(void)
			store->image_list(store, json_string_value(json_object_get(entry, "uuid")), take_image, entry);
		store->close(store);
	}
	if (r < 0) {
		json_decref(l.array);
		return cmd_fail("ps", r);
	}
	size_t i;
	json_t *row;
	json_array_foreach(l.array, i, row) ask(row);
	if (json) {
		(void)json_dumpf(l.array, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	} else {
		r = show_all(l.array);
	}
	json_decref(l.array);
	return r < 0 ? cmd_fail("ps", r) : 0;
}
