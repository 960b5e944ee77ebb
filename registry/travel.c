/* travel: the rows of one process as JSON, from the registry of one host into that of the next.
 *
 *   {"pmig_rows": 1, "process": {...}, "resources": [...], "references": [...], "handovers": [...], "steps": [...],
 *    "decisions": [...], "policies": [...]}
 *
 * Members and their order are those of tbl/row.h. Members that are not known are skipped: what must not be skipped
 * raises the version. */
#include "travel.h"
#include "owner.h"
#include "row.h"

#include <stdlib.h>
#include <string.h>

enum { OF_PROCESS = 1, OF_HANDOVER, ARE_HANDOVERS };

/* What travels besides the process itself, in the order in which it can be taken in. */
static const struct section {
	const char *name;
	const struct row_table *table;
	int owner; /* to what its rows belong */
	const char *select;
	const char *clear; /* makes room for the new ones; NULL: old ones stay */
	bool optional;     /* rows of an older pmig have none */
} sections[] = {
	{"resources", &row_resource, OF_PROCESS, "WHERE process = ?1 ORDER BY slot",
		"DELETE FROM resources WHERE process = ?1", false},
	{"references", &row_reference, OF_PROCESS, "WHERE process = ?1 ORDER BY kind, \"from\"",
		"DELETE FROM references_ WHERE process = ?1", false},
	{"handovers", &row_handover, ARE_HANDOVERS, "WHERE process = ?1 AND state >= 3 ORDER BY began, id", NULL, false},
	{"steps", &row_step, OF_HANDOVER,
		"WHERE handover IN (SELECT id FROM handovers WHERE process = ?1 AND state >= 3) ORDER BY handover, sequence",
		NULL, false},
	{"decisions", &row_decision, OF_HANDOVER,
		"WHERE handover IN (SELECT id FROM handovers WHERE process = ?1 AND state >= 3) ORDER BY handover, slot",
		NULL, false},
	{"policies", &row_policy, OF_PROCESS, "WHERE process = ?1 ORDER BY added, name",
		"DELETE FROM policies WHERE process = ?1", true},
};
#define SECTION_COUNT (sizeof sections / sizeof *sections)

static int no_memory(void)
{
	return error_set(PMIG_ENOMEM, "not enough memory for the rows of a process");
}

/* Appends all rows that `rest` selects to `array`. */
static int gather(struct database *db, const struct row_table *table, const char *rest, const char *process, json_t *array)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = row_select(db, table, rest, process, &statement);
	union row row;
	while (r >= 0 && (r = row_next(db, table, statement, &row)) > 0)
		if (json_array_append_new(array, row_to_json(table, &row)) < 0)
			r = no_memory();
	return r;
}

/* The row of the process, with the epoch that was claimed for it, which the row may be behind. */
static int gather_process(struct database *db, const char *process, json_t *root)
{
	struct pmig_owner owner;
	struct pmig_process_row row;
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = owner_get(db, process, &owner);
	if (r >= 0)
		r = row_select(db, &row_process, "WHERE uuid = ?1", process, &statement);
	if (r >= 0)
		r = row_next(db, &row_process, statement, &row);
	if (r == 0)
		return error_set(PMIG_ENOENT, "%.64s: no such process in the registry", process);
	if (r < 0)
		return r;
	if (row.epoch < owner.epoch)
		row.epoch = owner.epoch;
	return json_object_set_new(root, "process", row_to_json(&row_process, &row)) < 0 ? no_memory() : 0;
}

static int gather_all(struct database *db, const char *process, json_t *root)
{
	int r = gather_process(db, process, root);
	for (size_t i = 0; r >= 0 && i < SECTION_COUNT; i++) {
		json_t *array = json_array();
		r = array != NULL ? gather(db, sections[i].table, sections[i].select, process, array) : no_memory();
		if (json_object_set_new(root, sections[i].name, array) < 0 && r >= 0)
			r = no_memory();
	}
	return r;
}

int travel_export(struct database *db, const char *process, char **ret_json)
{
	json_t *root = json_pack("{s:i}", "pmig_rows", TRAVEL_VERSION);
	if (root == NULL)
		return no_memory();
	int r = database_begin(db, false); /* one state of all tables */
	if (r >= 0) {
		r = gather_all(db, process, root);
		database_rollback(db);
	}
	char *json = r >= 0 ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (r < 0)
		return error_prefix(r, "export");
	if (json == NULL)
		return no_memory();
	if (strlen(json) > PMIG_EXPORT_MAX) {
		free(json);
		return error_set(PMIG_ENOSPC, "export: the rows of the process are more than %u bytes", PMIG_EXPORT_MAX);
	}
	*ret_json = json;
	return 0;
}

/* Runs `sql` with ?1 bound to `a`, ?2 to `b` (NULL: none). Returns 1 if it gave a row, else 0. */
static int ask(struct database *db, const char *sql, const char *a, const char *b)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = database_prepare(db, sql, &statement);
	if (r < 0)
		return r;
	sqlite3_bind_text(statement, 1, a, -1, SQLITE_STATIC);
	if (b != NULL)
		sqlite3_bind_text(statement, 2, b, -1, SQLITE_STATIC);
	r = sqlite3_step(statement);
	return r == SQLITE_ROW ? 1 : r == SQLITE_DONE ? 0 : database_error(db, r);
}

/* Refuses what is older than what was claimed here: a late packet must not turn the registry back. The epoch in the row of the
 * process does not count: it may be of a hand-over that was undone. */
static int check_epoch(struct database *db, const char *process, uint64_t epoch)
{
	struct pmig_owner owner;
	int r = owner_get(db, process, &owner);
	if (r >= 0 && epoch < owner.epoch)
		r = error_set(PMIG_ESTALE, "process: the rows are of epoch %llu, here epoch %llu belongs to %s",
			(unsigned long long)epoch, (unsigned long long)owner.epoch, owner.host);
	return r;
}

static int import_process(struct database *db, const char *process, json_t *object)
{
	struct pmig_process_row row;
	int r = row_from_json(&row_process, object, &row);
	if (r < 0)
		return r;
	if (strcmp(row.uuid, process) != 0)
		return error_set(PMIG_EIDENTITY, "process: the rows belong to %s, not to %s", row.uuid, process);
	row.state = PMIG_PROCESS_STARTING;
	r = check_epoch(db, process, row.epoch);
	if (r < 0)
		return r;
	r = row_put(db, &row_process, &row);
	return r == PMIG_EEXIST ? error_set(r, "process: another process here has the name %s", row.name) : r;
}

/* Whether a row may come in: 1, 0 (the own journal has that hand-over and stays), or what is wrong with it. `fresh` has the
 * ids of the hand-overs that came in with these rows. */
static int admit(struct database *db, const struct section *section, const char *process, const union row *row,
	json_t *fresh)
{
	/* Resource and reference, step and decision begin with what they belong to. */
	const char *of = section->owner == OF_PROCESS ? row->resource.process
		: section->owner == OF_HANDOVER       ? row->step.handover
						      : row->handover.process;
	if (section->owner == OF_HANDOVER) {
		if (json_object_get(fresh, of) != NULL)
			return 1;
		int known = ask(db, "SELECT 1 FROM handovers WHERE id = ?1 AND process = ?2", of, process);
		return known != 0 ? (known < 0 ? known : 0)
				  : error_set(PMIG_EIDENTITY, "belongs to hand-over %s, which is not there", of);
	}
	if (strcmp(of, process) != 0)
		return error_set(PMIG_EIDENTITY, "belongs to %s, not to %s", of, process);
	if (section->owner == OF_PROCESS)
		return 1;
	if (row->handover.state < PMIG_HANDOVER_DONE)
		return error_set(PMIG_ECORRUPT, "hand-over %s is not over", row->handover.id);
	int known = ask(db, "SELECT 1 FROM handovers WHERE id = ?1", row->handover.id, NULL);
	if (known != 0)
		return known < 0 ? known : 0;
	return json_object_set_new(fresh, row->handover.id, json_true()) < 0 ? no_memory() : 1;
}

static int import_section(struct database *db, const struct section *section, const char *process, json_t *array,
	json_t *fresh)
{
	if (array == NULL && section->optional)
		return 0;
	if (!json_is_array(array))
		return error_set(PMIG_ECORRUPT, "is not an array");
	int r = section->clear != NULL ? ask(db, section->clear, process, NULL) : 0;
	json_t *object;
	size_t i;
	json_array_foreach(array, i, object)
	{
		if (r < 0)
			break;
		union row row;
		r = row_from_json(section->table, object, &row);
		if (r >= 0)
			r = admit(db, section, process, &row, fresh);
		if (r > 0)
			r = row_put(db, section->table, &row);
		if (r < 0)
			return error_prefix(r, "row %zu", i);
	}
	return r;
}

static int import_all(struct database *db, const char *process, json_t *root)
{
	json_t *fresh = json_object();
	int r = fresh != NULL ? import_process(db, process, json_object_get(root, "process")) : no_memory();
	for (size_t i = 0; r >= 0 && i < SECTION_COUNT; i++) {
		r = import_section(db, &sections[i], process, json_object_get(root, sections[i].name), fresh);
		if (r < 0)
			(void)error_prefix(r, "%s", sections[i].name);
	}
	json_decref(fresh);
	return r == PMIG_EINVAL ? PMIG_ECORRUPT : r; /* a value that a table refuses came from outside */
}

int travel_import(struct database *db, const char *process, const char *json, size_t size)
{
	if (!row_is_uuid(process))
		return error_set(PMIG_EINVAL, "import: %.64s: not a uuid", process);
	if (size > PMIG_EXPORT_MAX)
		return error_set(PMIG_ECORRUPT, "import: more than %u bytes", PMIG_EXPORT_MAX);
	json_error_t error;
	json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		return error_set(PMIG_ECORRUPT, "import: not JSON: byte %d: %s", error.position, error.text);
	json_t *version = json_object_get(root, "pmig_rows");
	int r = 0;
	if (!json_is_integer(version))
		r = error_set(PMIG_ECORRUPT, "import: not the rows of a process");
	else if (json_integer_value(version) != TRAVEL_VERSION)
		r = error_set(PMIG_EVERSION, "import: the rows have version %lld, this pmig knows %d",
			(long long)json_integer_value(version), TRAVEL_VERSION);
	if (r >= 0)
		r = database_begin(db, false);
	if (r >= 0) {
		r = import_all(db, process, root);
		if (r >= 0) {
			r = database_commit(db);
		} else {
			database_rollback(db);
			(void)error_prefix(r, "import");
		}
	}
	json_decref(root);
	return r;
}
