/* ledger DATABASE move|copy|refer|rules|read [loss]: does in an SQLite database what standard input says, a word a line, with a safe point
 * between any two; each is answered by a line.
 *
 *   add        one more row: "added N on HOST"
 *   begin      a transaction with a row in it: "begun", or SQLite's words
 *   commit     "committed", or SQLite's words
 *   count      "count ROWS BY-HOSTS MODE user-version V schema S"
 *   prepare    keeps a statement; finalize ends it
 *   quit */
#include <pmig/pmig.h>

#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sqlite3 *db;
static sqlite3_stmt *kept;
static long rows;

static void words(const char *sql, char *ret, size_t size)
{
	sqlite3_stmt *s;
	ret[0] = 0;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
		snprintf(ret, size, "failed(%s)", sqlite3_errmsg(db));
	else if (sqlite3_column_text(s, 0) != NULL)
		snprintf(ret, size, "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
}

static const char *run(const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? NULL : sqlite3_errmsg(db);
}

static const char *insert(void)
{
	char host[65], sql[200];
	gethostname(host, sizeof host);
	snprintf(sql, sizeof sql, "INSERT INTO rows(n, host) VALUES (%ld, '%s')", rows + 1, host);
	const char *failed = run(sql);
	rows += failed == NULL;
	return failed;
}

static void answer(const char *failed, const char *done)
{
	char host[65];
	gethostname(host, sizeof host);
	printf("%s on %s\n", failed != NULL ? failed : done, host);
}

static void obey(const char *word)
{
	char text[5][200];
	if (strcmp(word, "add") == 0) {
		snprintf(text[0], sizeof text[0], "added %ld", rows + 1);
		answer(insert(), text[0]);
	} else if (strcmp(word, "begin") == 0) {
		const char *failed = run("BEGIN IMMEDIATE");
		answer(failed != NULL ? failed : insert(), "begun");
	} else if (strcmp(word, "commit") == 0) {
		answer(run("COMMIT"), "committed");
	} else if (strcmp(word, "prepare") == 0) {
		answer(sqlite3_prepare_v2(db, "SELECT n FROM rows WHERE host = ?", -1, &kept, NULL) ? "?" : NULL,
			"prepared");
	} else if (strcmp(word, "finalize") == 0) {
		sqlite3_finalize(kept);
		kept = NULL;
		answer(NULL, "finalized");
	} else if (strcmp(word, "count") == 0) {
		words("SELECT count(*) FROM rows", text[0], sizeof text[0]);
		words("SELECT group_concat(host || '=' || c, ',') FROM (SELECT host, count(*) AS c FROM rows GROUP BY host ORDER BY host)",
			text[1], sizeof text[1]);
		words("PRAGMA journal_mode", text[2], sizeof text[2]);
		words("PRAGMA user_version", text[3], sizeof text[3]);
		words("SELECT sql FROM sqlite_master", text[4], sizeof text[4]);
		printf("count %s %s %s user-version %s schema %s\n", text[0], text[1], text[2], text[3], text[4]);
	} else {
		printf("no such word: %s\n", word);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const char *const hows[] = {"rules", "move", "copy", "refer"};
	char line[80];
	struct pmig_declaration d = {.name = "ledger",
		.binding = PMIG_BY_IDENTIFIER,
		.attachment = PMIG_FASTENED,
		.consent = argc > 3 ? PMIG_LOSS : 0};
	bool read_only = argc > 2 && strcmp(argv[2], "read") == 0; /* a set of data, which only counts by its value */
	if (argc < 3 ||
		sqlite3_open_v2(argv[1], &db, read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
			NULL) != SQLITE_OK)
		return 2;
	for (unsigned i = 0; i < 4; i++)
		if (strcmp(argv[2], hows[i]) == 0)
			d.strategy = (enum pmig_strategy)i;
	if (d.strategy == PMIG_COPY || read_only)
		d.binding = PMIG_BY_VALUE;
	run("CREATE TABLE IF NOT EXISTS rows(n INTEGER PRIMARY KEY, host TEXT)");
	if (pmig_declare_handle((void **)&db, "database", argv[1], &d) < 0) {
		fprintf(stderr, "ledger: %s\n", pmig_reason());
		return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd input = {.fd = 0, .events = POLLIN};
		if (poll(&input, 1, 5) == 1) {
			if (fgets(line, sizeof line, stdin) == NULL)
				break;
			line[strcspn(line, "\n")] = 0;
			if (strcmp(line, "quit") == 0)
				break;
			obey(line);
		}
		pmig_safepoint();
	}
	return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
