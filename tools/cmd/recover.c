/* recover: what is in doubt, and what can be done about it; takes up one program and asks both hosts again; lets a person decide where the
 * target cannot be asked. */
#include "registry/store.h"
#include "registry/table.h"
#include "tools/cmd/cmd.h"
#include "tools/supervisor/doubts.h"
#include "tools/supervisor/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILED 125 /* as `pmig run`: the other numbers are the program's */

static const char danger[] =
	"recover: --here lets %s run on at its source although nobody can ask the target whether it runs there. If it does, TWO "
	"COPIES run until that host answers:\n"
	"  what cannot happen then: the terminal and the log show one copy only; `pmig move`, `kill` and `wait` reach that one; "
	"connections and end points that are held elsewhere serve that one; once the target answers, the copy there is ended at "
	"once, and its epoch never begins again.\n"
	"  what can happen: until then that copy writes files, and sends by sockets of its own, at the target; what it did so is "
	"not undone, and its output is thrown away.\n"
	"Make sure that the target is off, or that this does no harm, and say so with --i-know-that-two-may-run\n";

static const char *text(const json_t *row, const char *key)
{
	const char *value = json_string_value(json_object_get(row, key));
	return value != NULL ? value : "";
}

static void on_status(void *context, const json_t *object)
{
	json_t *row = context;
	const json_t *doubt = json_object_get(object, "doubt");
	(void)json_object_set_new(row, "moving", json_boolean(json_is_true(json_object_get(object, "moving"))));
	if (doubt != NULL && strcmp(text(doubt, "id"), text(row, "id")) == 0)
		(void)json_object_set(row, "doubt", (json_t *)doubt);
}

static void say(json_t *row, const char *waits, const char *act)
{
	char *words = NULL;
	(void)json_object_set_new(row, "waits_for", json_string(waits));
	if (asprintf(&words, act, text(row, "process")) >= 0)
		(void)json_object_set_new(row, "do", json_string(words));
	free(words);
}

/* What it waits for and what a person can do; false: a move that is under way, and in no doubt. */
static bool explain(json_t *row)
{
	int r = cmd_call(text(row, "process"), json_pack("{s:s}", "do", "status"), on_status, row);
	bool supervised = r >= 0;
	const json_t *doubt = json_object_get(row, "doubt");
	(void)json_object_set_new(row, "supervised", json_boolean(supervised));
	if (strcmp(text(row, "state"), "given up") == 0) {
		say(row, "the target, to end the copy that may run there",
			supervised ? "nothing: it is asked until it answers"
				   : "pmig recover %s, which asks the target until it answers");
	} else if (strcmp(text(row, "state"), "left behind") == 0) {
		say(row, "the target, to remove an image that is out of date",
			"pmig recover %s, which asks the target until it answers; the program is not concerned");
	} else if (doubt != NULL) {
		(void)json_object_set_new(row, "state", json_string("in doubt"));
		(void)json_object_set(row, "source_reached", json_object_get(doubt, "source_reached"));
		(void)json_object_set(row, "target_reached", json_object_get(doubt, "target_reached"));
		say(row,
			json_is_true(json_object_get(doubt, "target_reached")) ? "the target's answer"
									       : "the target, which is not reached",
			"nothing if it comes back; else pmig recover --here %s, which tells what that risks");
	} else if (supervised && json_is_true(json_object_get(row, "moving"))) {
		return false;
	} else if (strcmp(text(row, "state"), "image waits") == 0) {
		say(row, "a person", "pmig recover %s, which continues the image at the target");
	} else {
		say(row, "a supervisor, since nobody asks the hosts",
			"pmig recover %s, which asks both and goes on or back");
	}
	(void)json_object_del(row, "doubt");
	(void)json_object_del(row, "moving");
	return true;
}

static int gather(json_t **ret_rows)
{
	struct pmig_store *store;
	json_t *all = NULL, *row;
	size_t i;
	int r = cmd_store(&store);
	if (r < 0)
		return r;
	r = doubts_list(store, NULL, &all);
	store->close(store);
	if (r < 0)
		return r;
	*ret_rows = json_array();
	json_array_foreach(all, i, row)
	{
		if (explain(row))
			(void)json_array_append(*ret_rows, row);
	}
	json_decref(all);
	return 0;
}

static void note(struct table *t, const char *before, const char *words, const char *after)
{
	char *line = NULL;
	if (*words != '\0' && asprintf(&line, "%s%s%s", before, words, after) >= 0)
		table_note(t, line);
	free(line);
}

static int show(const json_t *rows)
{
	if (json_array_size(rows) == 0) {
		(void)puts("nothing is in doubt");
		return 0;
	}
	struct table *t = table_create(6);
	if (t == NULL)
		return error_set(PMIG_ENOMEM, "not enough memory");
	table_numeric(t, 4);
	table_row(t, (const char *const[]){"NAME", "STATE", "SOURCE", "TARGET", "EPOCH", "SINCE"});
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row)
	{
		char epoch[32];
		(void)snprintf(epoch, sizeof epoch, "%lld", (long long)json_integer_value(json_object_get(row, "epoch")));
		table_row(t,
			(const char *const[]){text(row, "process"), text(row, "state"), text(row, "source"),
				text(row, "target"), epoch, text(row, "since")});
		const json_t *source = json_object_get(row, "source_reached"),
			     *target = json_object_get(row, "target_reached");
		if (source != NULL)
			note(t, "the source is ", json_is_true(source) ? "reached" : "not reached",
				json_is_true(target) ? ", the target is reached" : ", the target is not reached");
		note(t, "waits for ", text(row, "waits_for"), "");
		note(t, "image ", text(row, "image"), "");
		note(t, "hand-over ", text(row, "id"), "");
		note(t, "to do: ", text(row, "do"), "");
	}
	int r = table_print(t, cmd_columns(), 0, stdout);
	table_destroy(t);
	return r;
}

static int list(bool json)
{
	json_t *rows = NULL;
	int r = gather(&rows);
	if (r >= 0 && json)
		r = json_dumpf(rows, stdout, JSON_INDENT(2)) == 0 && putchar('\n') == '\n'
			? 0
			: error_set(PMIG_EIO, "cannot write");
	else if (r >= 0)
		r = show(rows);
	json_decref(rows);
	return r < 0 ? cmd_fail("recover", r) : 0;
}

int cmd_recover(int argc, char **argv)
{
	bool json = false, here = false, know = false;
	char state[PATH_MAX];
	const struct cmd_option options[] = {
		{0, "json", NULL, "what is in doubt as a JSON array", NULL, &json},
		{0, "here", NULL, "if the target cannot be reached: the source goes on, and what runs there is ended later",
			NULL, &here},
		{0, "i-know-that-two-may-run", NULL, "with --here: what that risks was read", NULL, &know},
		{0},
	};
	int first,
		status = cmd_parse("recover", argc, argv, options,
			"  pmig recover\n  pmig recover queens\n  pmig recover --here --i-know-that-two-may-run queens\n", 0,
			1, &first);
	if (status > 0)
		return status == 1 ? 0 : FAILED;
	if (first == argc && !here && !know)
		return list(json);
	if (first == argc || json || (know && !here)) {
		(void)fprintf(stderr, "pmig recover: %s; see `pmig recover --help`\n",
			json                    ? "--json shows what is in doubt, and takes no name"
				: first == argc ? "which program?"
						: "--i-know-that-two-may-run belongs to --here");
		return FAILED;
	}
	if (here && !know) {
		(void)fputs("pmig ", stderr);
		(void)fprintf(stderr, danger, argv[first]);
		return FAILED;
	}
	if (cmd_state(state) < 0) {
		(void)cmd_fail("recover", PMIG_EIO);
		return FAILED;
	}
	return supervisor_run(&(struct supervisor_options){
		.ready_fd = -1, .recover = true, .here = here, .state = state, .name = argv[first]});
}
