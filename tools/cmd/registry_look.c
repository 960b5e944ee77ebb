/* registry_look: what the registry tells: programs, resources, decisions and their reasons, rules. */
#include "tools/cmd/registry.h"

#include "registry/list.h"
#include "registry/policy.h"
#include "registry/rules.h"
#include "registry/store.h"
#include "registry/table.h"
#include "registry/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program that is named must be there: an empty list would hide a slip of the hand. */
static int open_for(const char *process, struct pmig_store **ret_store)
{
	struct pmig_process_row *row;
	int r = registry_open(ret_store);
	if (r < 0 || process == NULL)
		return r;
	r = (*ret_store)->process_get(*ret_store, process, &row);
	if (r >= 0) {
		free(row);
		return 0;
	}
	registry_store_close(*ret_store);
	return r == PMIG_ENOENT
		? error_set(r, "there is no program \"%.64s\" in this registry; `pmig registry ps` shows all", process)
		: r;
}

static int look(const struct registry_request *request, const char *list)
{
	struct pmig_store *store;
	const char *process = registry_argument(request, 0);
	int r = open_for(process, &store);
	if (r < 0)
		return registry_end(request, r);
	const struct list_options o = {
		.form = request->json ? LIST_JSON : LIST_TABLE, .columns = cmd_columns(), .process = process};
	r = list_run(registry_store_database(store), list, &o, stdout);
	registry_store_close(store);
	return registry_end(request, r);
}

int registry_look_processes(const struct registry_request *r)
{
	return look(r, "processes");
}

int registry_look_resources(const struct registry_request *r)
{
	return look(r, "resources");
}

int registry_look_history(const struct registry_request *r)
{
	return look(r, "handovers");
}

int registry_look_references(const struct registry_request *r)
{
	return look(r, "references");
}

int registry_look_providers(const struct registry_request *r)
{
	return look(r, "providers");
}

/* --- everything about one --- */

static const char *const about[] = {
	"processes", "resources", "references", "handovers", "why", "policies", "images", "owners"};
#define ABOUT_COUNT (sizeof about / sizeof *about)

static int rows_of(struct database *db, const char *list, const char *process, const char *resource, json_t **ret_rows)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	const struct list_options o = {.process = process, .resource = resource};
	json_t *rows = json_array();
	int r = list_prepare(db, list, &o, &statement), step = SQLITE_DONE;
	while (r >= 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
		if (json_array_append_new(rows, list_row(statement)) < 0)
			r = error_set(PMIG_ENOMEM, "not enough memory");
	if (r >= 0 && step != SQLITE_DONE)
		r = database_error(db, step);
	if (r < 0)
		json_decref(rows);
	else
		*ret_rows = rows;
	return r;
}

static int put_json(json_t *value)
{
	int r = json_dumpf(value, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF
		? error_set(PMIG_EIO, "it could not be written")
		: 0;
	json_decref(value);
	return r;
}

static int show_json(struct database *db, const char *process)
{
	json_t *all = json_object();
	int r = 0;
	for (size_t i = 0; r >= 0 && i < ABOUT_COUNT; i++) {
		json_t *rows = NULL;
		r = rows_of(db, about[i], process, NULL, &rows);
		if (r >= 0)
			(void)json_object_set_new(all, strcmp(about[i], "why") == 0 ? "decisions" : about[i], rows);
	}
	if (r >= 0)
		return put_json(all);
	json_decref(all);
	return r;
}

static int show_text(struct database *db, const char *process)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && i < ABOUT_COUNT; i++) {
		json_t *rows = NULL;
		r = rows_of(db, about[i], process, NULL, &rows);
		size_t count = json_array_size(rows);
		json_decref(rows);
		if (r < 0 || count == 0)
			continue;
		(void)printf("%s%s\n", i > 0 ? "\n" : "", strcmp(about[i], "why") == 0 ? "decisions" : about[i]);
		const struct list_options o = {.form = LIST_TABLE, .columns = cmd_columns(), .process = process};
		r = list_run(db, about[i], &o, stdout);
	}
	return r;
}

int registry_look_show(const struct registry_request *request)
{
	struct pmig_store *store;
	const char *process = request->arguments[0];
	int r = open_for(process, &store);
	if (r < 0)
		return registry_end(request, r);
	r = request->json ? show_json(registry_store_database(store), process)
			  : show_text(registry_store_database(store), process);
	registry_store_close(store);
	return registry_end(request, r);
}

/* --- why --- */

static const char *text(const json_t *row, const char *key)
{
	const char *t = json_string_value(json_object_get(row, key));
	return t != NULL ? t : "";
}

static void put_why(const json_t *row, int columns)
{
	char *line = NULL;
	if (asprintf(&line, "%s: %s (%s), from %s to %s, %s", text(row, "resource"), text(row, "strategy"),
		    text(row, "cell"), text(row, "source"), text(row, "target"), text(row, "began")) < 0)
		return;
	table_wrap(line, columns, 0, 4, stdout);
	free(line);
	table_wrap(text(row, "reason"), columns, 4, 4, stdout);
	const json_t *beaten = json_object_get(row, "alternatives"), *one;
	size_t i;
	json_array_foreach(beaten, i, one)
	{
		if (asprintf(&line, "not %s: %s", text(one, "strategy"), text(one, "reason")) < 0)
			return;
		table_wrap(line, columns, 4, 8, stdout);
		free(line);
	}
}

int registry_look_why(const struct registry_request *request)
{
	struct pmig_store *store;
	json_t *rows = NULL;
	const char *process = request->arguments[0], *resource = request->arguments[1];
	int r = open_for(process, &store);
	if (r < 0)
		return registry_end(request, r);
	r = rows_of(registry_store_database(store), "why", process, resource, &rows);
	registry_store_close(store);
	if (r >= 0 && json_array_size(rows) == 0) {
		json_decref(rows);
		r = error_set(PMIG_ENOENT,
			"no move of %.64s has decided about \"%.255s\"; `pmig registry show %.64s` shows what was decided",
			process, resource, process);
	}
	if (r < 0)
		return registry_end(request, r);
	if (request->json)
		return registry_end(request, put_json(rows));
	for (size_t i = 0; i < json_array_size(rows); i++)
		put_why(json_array_get(rows, i), cmd_columns());
	json_decref(rows);
	return 0;
}

/* --- rules --- */

int registry_look_rules(const struct registry_request *request)
{
	const struct plan_rules rules = plan_rules();
	struct pmig_store *store;
	if (request->json)
		return registry_end(request, put_json(rules_json(&rules)));
	int r = rules_text(&rules, cmd_columns(), stdout);
	if (r >= 0 && registry_open(&store) >= 0) { /* rules are there without a registry too */
		json_t *rows = NULL;
		r = rows_of(registry_store_database(store), "policies", NULL, NULL, &rows);
		if (json_array_size(rows) > 0) {
			(void)printf("\npolicies, which go before these defaults\n");
			const struct list_options o = {.form = LIST_TABLE, .columns = cmd_columns()};
			r = list_run(registry_store_database(store), "policies", &o, stdout);
		}
		json_decref(rows);
		registry_store_close(store);
	}
	return registry_end(request, r);
}
