/* registry_keep: what people tell the registry: what this host provides, and what resources mean. */
#include "tools/cmd/registry.h"

#include "registry/list.h"
#include "registry/policy.h"
#include "registry/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- providers --- */

static int host_name(const struct registry_request *request, char ret_name[PMIG_NAME_MAX + 1])
{
	if (request->host != NULL && snprintf(ret_name, PMIG_NAME_MAX + 1, "%s", request->host) > PMIG_NAME_MAX)
		return error_set(PMIG_EINVAL, "the name of the host is too long");
	if (request->host != NULL)
		return 0;
	return gethostname(ret_name, PMIG_NAME_MAX) < 0 ? error_set(PMIG_EIO, "this host has no name") : 0;
}

static int provide(struct pmig_store *store, const struct pmig_provider_row *row)
{
	struct pmig_host_row *host = NULL;
	int r = store->host_get(store, row->host, &host);
	free(host);
	if (r == PMIG_ENOENT)
		r = store->host_put(store, &(struct pmig_host_row){.name = row->host});
	return r < 0 ? r : store->provider_put(store, row);
}

int registry_keep_provide(const struct registry_request *request)
{
	char host[PMIG_NAME_MAX + 1] = "";
	struct pmig_store *store;
	int r = host_name(request, host);
	if (r >= 0)
		r = cmd_store(&store);
	if (r < 0)
		return registry_end(request, r);
	r = provide(store,
		&(struct pmig_provider_row){.host = host,
			.type = request->arguments[0],
			.locator = request->arguments[1],
			.about = registry_argument(request, 2)});
	store->close(store);
	return registry_end(request, r);
}

int registry_keep_withdraw(const struct registry_request *request)
{
	char host[PMIG_NAME_MAX + 1] = "";
	struct pmig_store *store;
	int r = host_name(request, host);
	if (r >= 0)
		r = cmd_store(&store);
	if (r < 0)
		return registry_end(request, r);
	r = store->provider_drop(store, host, request->arguments[0], request->arguments[1]);
	store->close(store);
	if (r == 0)
		r = error_set(PMIG_ENOENT, "%s provides no %.64s at \"%.255s\"; `pmig registry providers` shows all", host,
			request->arguments[0], request->arguments[1]);
	return registry_end(request, r);
}

/* --- policies --- */

static int policy_of_all(struct pmig_store *store, const char *path)
{
	char whole[PATH_MAX], *text;
	int r = cmd_policy(path, whole, &text);
	if (r < 0)
		return r;
	r = store->policy_put(store, &(struct pmig_policy_row){.name = whole, .text = text});
	free(text);
	return r;
}

/* The file need not be there any more. */
static int forget(struct pmig_store *store, const char *path)
{
	char whole[PATH_MAX];
	int r = store->policy_drop(store, NULL, realpath(path, whole) != NULL ? whole : path);
	return r != 0 ? r
		      : error_set(PMIG_ENOENT,
				"\"%.255s\" is no policy of this registry; `pmig registry policy list` shows all", path);
}

struct search {
	const char *name;
	bool found;
};

static int print(void *context, const struct pmig_policy_row *row)
{
	struct search *s = context;
	if (strcmp(row->name, s->name) != 0)
		return 0;
	s->found = true;
	return fputs(row->text, stdout) < 0 ? error_set(PMIG_EIO, "it could not be written") : 0;
}

static int show(struct pmig_store *store, const char *path)
{
	char whole[PATH_MAX];
	struct search s = {.name = realpath(path, whole) != NULL ? whole : path};
	int r = store->policy_list(store, NULL, print, &s);
	return r < 0 || s.found ? r : error_set(PMIG_ENOENT, "\"%.255s\" is no policy of this registry", path);
}

int registry_keep_policy(const struct registry_request *request)
{
	const char *what = request->arguments[0], *path = registry_argument(request, 1);
	bool lists = strcmp(what, "list") == 0;
	int (*const function)(struct pmig_store *, const char *) = strcmp(what, "add") == 0 ? policy_of_all
		: strcmp(what, "remove") == 0                                               ? forget
		: strcmp(what, "show") == 0                                                 ? show
											    : NULL;
	if (lists != (path == NULL) || (!lists && function == NULL)) {
		(void)fprintf(stderr, "usage: pmig registry policy add FILE | remove FILE | list | show FILE\n");
		return CMD_USAGE;
	}
	struct pmig_store *store;
	int r = cmd_store(&store);
	if (r < 0)
		return registry_end(request, r);
	const struct list_options o = {.form = request->json ? LIST_JSON : LIST_TABLE, .columns = cmd_columns()};
	r = lists ? list_run(registry_store_database(store), "policies", &o, stdout) : function(store, path);
	store->close(store);
	return registry_end(request, r);
}
