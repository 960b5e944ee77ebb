/* registry, references: the registry of this host: the table of what can be asked of it, and its lists. */
#include "tools/cmd/registry.h"

#include "registry/list.h"
#include "registry/store.h"
#include "registry/table.h"

#include <stdio.h>
#include <string.h>

static const struct verb {
	const char *name;
	int (*function)(const struct registry_request *r);
	int least, most;
	const char *arguments, *words;
} verbs[] = {
#define REGISTRY(name, function, least, most, arguments, words) {name, registry_##function, least, most, arguments, words},
#include "tools/tbl/registry.h"
#undef REGISTRY
};
#define VERB_COUNT (sizeof verbs / sizeof *verbs)

const char *registry_argument(const struct registry_request *r, int n)
{
	return n < r->count ? r->arguments[n] : NULL;
}

int registry_open(struct pmig_store **ret_store)
{
	int r = registry_store_open_readonly(NULL, ret_store);
	return r == PMIG_EVERSION ? registry_store_open(NULL, ret_store)
				  : r; /* of a newer one that says so, and changes nothing */
}

int registry_end(const struct registry_request *r, int code)
{
	if (code >= 0)
		return 0;
	(void)fprintf(stderr, "pmig registry %s: %s\n", r->name, pmig_reason());
	return error_exit_status(code);
}

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* A list by its own name, for those that are no verb. */
static int list(const struct registry_request *request)
{
	struct pmig_store *store;
	int r = registry_open(&store);
	if (r < 0)
		return registry_end(request, r);
	const struct list_options options = {.form = request->json ? LIST_JSON : LIST_TABLE,
		.columns = cmd_columns(),
		.process = registry_argument(request, 0)};
	r = list_run(registry_store_database(store), request->name, &options, stdout);
	registry_store_close(store);
	return registry_end(request, r);
}

static int overview(void)
{
	struct table *t = table_create(2);
	if (t == NULL)
		return 5;
	for (size_t i = 0; i < VERB_COUNT; i++) {
		char call[96];
		(void)snprintf(call, sizeof call, "%s %s", verbs[i].name, verbs[i].arguments);
		table_row(t, (const char *const[]){call, verbs[i].words});
	}
	size_t count;
	const struct list_query *q = list_queries(&count);
	for (size_t i = 0; i < count; i++)
		if (find(q[i].name) == NULL)
			table_row(t, (const char *const[]){q[i].name, q[i].about});
	int r = table_print(t, cmd_columns(), 0, stdout);
	table_destroy(t);
	return r < 0 ? cmd_fail("registry", r) : 0;
}

static int usage(const struct verb *v)
{
	(void)fprintf(stderr, "usage: pmig registry %s%s%s\n", v->name, *v->arguments != '\0' ? " " : "", v->arguments);
	return CMD_USAGE;
}

static int run(const struct registry_request *request)
{
	const struct verb *v = find(request->name);
	if (v == NULL)
		return list(request);
	return request->count < v->least || request->count > v->most ? usage(v) : v->function(request);
}

int cmd_registry(int argc, char **argv)
{
	bool json = false;
	const char *host = NULL;
	const struct cmd_option options[] = {{0, "json", NULL, "as JSON", NULL, &json},
		{0, "host", "HOST", "provide, withdraw: another host, as it is called in a move", &host, NULL}, {0}};
	int first,
		status = cmd_parse("registry", argc, argv, options,
			"  pmig registry\n  pmig registry list queens\n  pmig registry --json ps\n"
			"  pmig registry why queens result.txt\n"
			"  pmig registry provide printer /dev/usb/lp0\n"
			"  pmig registry --host beta provide printer /dev/usb/lp1\n",
			0, 4, &first);
	if (status > 0)
		return status - 1;
	if (first == argc)
		return overview();
	return run(&(struct registry_request){
		.name = argv[first], .arguments = argv + first + 1, .count = argc - first - 1, .host = host, .json = json});
}

int cmd_references(int argc, char **argv)
{
	bool json = false;
	const struct cmd_option options[] = {{0, "json", NULL, "as a JSON array", NULL, &json}, {0}};
	int first, status = cmd_parse("references", argc, argv, options, "  pmig references queens\n", 0, 1, &first);
	if (status > 0)
		return status - 1;
	return run(&(struct registry_request){
		.name = "references", .arguments = argv + first, .count = argc - first, .json = json});
}
