/* registry_audit: the registry looked at from outside: whether it is sound, all of it, a question in SQL, and what changes. */
#include "tools/cmd/registry.h"

#include "registry/dump.h"
#include "registry/list.h"
#include "registry/store.h"
#include "registry/text.h"
#include "registry/verify.h"
#include "registry/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* --- verify --- */

struct report {
	json_t *findings; /* NULL: as text */
};

static void on_check(void *context, const char *check, const char *finding)
{
	const struct report *p = context;
	if (p->findings != NULL) {
		if (finding != NULL)
			(void)json_array_append_new(p->findings,
				json_pack("{s:s, s:o}", "check", check, "finding", text_json(finding)));
		return;
	}
	(void)printf("%-5s %s", finding == NULL ? "ok" : "WRONG", check);
	if (finding != NULL) {
		(void)fputs(": ", stdout);
		text_put(finding, stdout);
	}
	(void)putchar('\n');
}

int registry_audit_verify(const struct registry_request *request)
{
	struct pmig_store *store;
	struct report report = {.findings = request->json ? json_array() : NULL};
	int r = registry_open(&store);
	if (r >= 0) {
		r = verify_run(registry_store_database(store), on_check, &report);
		registry_store_close(store);
	}
	if (request->json) {
		(void)json_dumpf(report.findings, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(report.findings);
	}
	if (r > 0)
		r = error_set(PMIG_ECORRUPT, "%d finding%s; nothing was changed", r, r > 1 ? "s" : "");
	return registry_end(request, r);
}

/* --- export, sql --- */

int registry_audit_export(const struct registry_request *request)
{
	struct pmig_store *store;
	int r = registry_open(&store);
	if (r < 0)
		return registry_end(request, r);
	r = dump_write(registry_store_database(store), stdout);
	registry_store_close(store);
	return registry_end(request, r);
}

int registry_audit_sql(const struct registry_request *request)
{
	struct pmig_store *store;
	int r = registry_open(&store);
	if (r < 0)
		return registry_end(request, r);
	const struct list_options o = {.form = request->json ? LIST_JSON : LIST_TABLE, .columns = cmd_columns()};
	r = list_sql(registry_store_database(store), request->arguments[0], &o, stdout);
	registry_store_close(store);
	return registry_end(request, r);
}

/* --- watch --- */

static void put_value(const json_t *value)
{
	char *dump = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	const char *words = json_is_string(value) ? json_string_value(value) : json_is_null(value) ? "-" : dump;
	text_put(words == NULL ? "?" : *words != '\0' ? words : "-", stdout);
	free(dump);
}

/* "10:31:02.123 processes queens: state: running -> frozen" */
static void tell(void *context, const char *list, const char *change, const json_t *row, const json_t *before)
{
	(void)context;
	struct timespec now;
	struct tm tm;
	char at[16] = "";
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (localtime_r(&now.tv_sec, &tm) != NULL)
		(void)strftime(at, sizeof at, "%T", &tm);
	(void)printf("%s.%03ld %s", at, now.tv_nsec / 1000000, list);
	const char *key;
	json_t *value;
	int shown = 0;
	json_object_foreach((json_t *)row, key, value)
	{
		if (shown++ >= 3 || !(json_is_string(value) || json_is_integer(value)))
			continue;
		(void)putchar(' ');
		put_value(value);
	}
	if (before == NULL)
		(void)printf(" %s", change);
	shown = 0;
	json_object_foreach((json_t *)before, key, value)
	{
		(void)printf("%s%s ", shown++ > 0 ? ", " : ": ", key);
		put_value(value);
		(void)fputs(" -> ", stdout);
		put_value(json_object_get(row, key));
	}
	(void)putchar('\n');
	(void)fflush(stdout);
}

static void tell_json(void *context, const char *list, const char *change, const json_t *row, const json_t *before)
{
	(void)context;
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	json_t *line = json_pack("{s:I, s:s, s:s, s:O, s:O*}", "at", (json_int_t)now.tv_sec * 1000000000 + now.tv_nsec,
		"list", list, "change", change, "row", row, "before", before);
	(void)json_dumpf(line, stdout, JSON_COMPACT);
	(void)putchar('\n');
	(void)fflush(stdout);
	json_decref(line);
}

int registry_audit_watch(const struct registry_request *request)
{
	struct pmig_store *store;
	struct watch *watch;
	int r = registry_open(&store);
	if (r < 0)
		return registry_end(request, r);
	r = watch_open(registry_store_database(store), registry_argument(request, 0), &watch);
	if (r >= 0) {
		if (request->json)
			(void)puts("{\"change\":\"begin\"}"); /* from here on nothing is missed */
		(void)fflush(stdout);
		while ((r = watch_see(watch, request->json ? tell_json : tell, NULL)) >= 0) {
			struct pollfd p = {.fd = watch_fd(watch), .events = POLLIN};
			if (ferror(stdout) || (poll(&p, 1, -1) < 0 && errno != EINTR)) {
				r = error_set(PMIG_EIO, "it could not be written");
				break;
			}
		}
		watch_close(watch);
	}
	registry_store_close(store);
	return registry_end(request, r);
}
