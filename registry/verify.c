/* verify: whether a registry is sound: the file, its tables, what belongs together, every value, and states that cannot be. */
#include "verify.h"
#include "row.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct verify {
	struct database *db;
	void (*tell)(void *context, const char *check, const char *finding);
	void *context;
	int findings;
};

static void find(struct verify *v, const char *check, const char *finding)
{
	v->findings++;
	v->tell(v->context, check, finding);
}

/* Every row that `sql` gives is a finding, unless it is "ok"; `format` has room for its columns as one text. */
static int ask(struct verify *v, const char *check, const char *sql)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = database_prepare(v->db, sql, &statement), before = v->findings;
	if (r < 0)
		return r;
	while ((r = sqlite3_step(statement)) == SQLITE_ROW && v->findings - before < VERIFY_FINDINGS_MAX) {
		char text[1024] = "";
		size_t n = 0;
		for (int i = 0; i < sqlite3_column_count(statement) && n < sizeof text; i++) {
			const char *value = (const char *)sqlite3_column_text(statement, i);
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i > 0 ? " " : "",
				value != NULL ? value : "-");
		}
		if (strcmp(text, "ok") != 0)
			find(v, check, text);
	}
	if (r != SQLITE_DONE && r != SQLITE_ROW)
		return database_error(v->db, r);
	if (v->findings == before)
		v->tell(v->context, check, NULL);
	return 0;
}

static int schema(struct verify *v)
{
	static const char check[] = "the tables are those of this version";
	int r = database_check_schema(v->db);
	if (r == PMIG_ECORRUPT)
		find(v, check, pmig_reason());
	else if (r >= 0)
		v->tell(v->context, check, NULL);
	return r == PMIG_ECORRUPT ? 0 : r;
}

/* Each value as strictly as when it came in. */
static int values(struct verify *v)
{
	static const struct row_table *const tables[] = {&row_process, &row_resource, &row_host, &row_provider,
		&row_handover, &row_step, &row_decision, &row_reference, &row_image, &row_policy};
	static const char check[] = "every value is one that may be there";
	int before = v->findings;
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		DATABASE_OWN sqlite3_stmt *statement = NULL;
		union row row;
		int r = row_select(v->db, tables[i], "", NULL, &statement);
		while (r >= 0 && (r = row_next(v->db, tables[i], statement, &row)) > 0)
			r = row_check(tables[i], &row);
		if (r == PMIG_ECORRUPT || r == PMIG_EINVAL)
			find(v, check, pmig_reason());
		else if (r < 0)
			return r;
	}
	if (v->findings == before)
		v->tell(v->context, check, NULL);
	return 0;
}

/* Images of hand-overs are named as seen from the directory of the registry. */
static bool is_there(const struct verify *v, const char *image)
{
	const char *registry = database_path(v->db), *slash = strrchr(registry, '/');
	char path[2 * PATH_MAX];
	if (*image == '/' || slash == NULL)
		return access(image, F_OK) == 0;
	int n = snprintf(path, sizeof path, "%.*s/%s", (int)(slash - registry), registry, image);
	return n >= 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

/* A row that says complete stands for a file. */
static int images(struct verify *v)
{
	static const char check[] = "an image that is complete is there";
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	struct pmig_image_row row;
	int r = row_select(v->db, &row_image, "WHERE complete", NULL, &statement), before = v->findings;
	while (r >= 0 && (r = row_next(v->db, &row_image, statement, &row)) > 0)
		if (!is_there(v, row.path))
			find(v, check, row.path);
	if (r >= 0 && v->findings == before)
		v->tell(v->context, check, NULL);
	return r;
}

static const struct {
	const char *words, *sql;
} impossible[] = {
#define VERIFY(words, ...) {words, __VA_ARGS__},
#include "tbl/verify.h"
#undef VERIFY
};

int verify_run(struct database *db, void (*tell)(void *context, const char *check, const char *finding), void *context)
{
	struct verify v = {.db = db, .tell = tell, .context = context};
	int r = ask(&v, "the file is whole", "PRAGMA integrity_check(100)");
	if (r >= 0)
		r = schema(&v);
	if (r >= 0 && v.findings > 0) /* other tables: the rest would be guessing */
		return v.findings;
	if (r >= 0)
		r = ask(&v, "what belongs to something has it", "PRAGMA foreign_key_check");
	if (r >= 0)
		r = values(&v);
	for (size_t i = 0; r >= 0 && i < sizeof impossible / sizeof *impossible; i++)
		r = ask(&v, impossible[i].words, impossible[i].sql);
	if (r >= 0)
		r = images(&v);
	return r < 0 ? error_prefix(r, "verify") : v.findings;
}
