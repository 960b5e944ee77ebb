/* identifier x fastened: a database of this machine. Exactly this one is meant, and moving it has a price: it stays, and SQL
 * runs against it across machines, with its locks; others at home use it as before.
 *
 *   pmig-cc -O2 identifier_fastened.c -lsqlite3 -o identifier_fastened
 *   pmig run -- ./identifier_fastened app.db
 *   sqlite3 app.db "INSERT INTO rounds(host) VALUES ('a note of somebody else')"
 *
 * The connection is a handle: neither descriptor nor memory. The variable that holds it is told to pmig, which sets it anew.
 *
 * Each round adds a row. The proof: every round of this run is there once and in order, and what others insert is seen. */
#include <pmig/pmig.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static sqlite3 *db;

/* The number that a query comes to; -1: it fails. */
static long number_of(const char *query, unsigned run, long last)
{
	sqlite3_stmt *s;
	long number = -1;
	if (sqlite3_prepare_v2(db, query, -1, &s, NULL) != SQLITE_OK)
		return -1;
	sqlite3_bind_int64(s, 1, run);
	sqlite3_bind_int64(s, 2, last);
	if (sqlite3_step(s) == SQLITE_ROW)
		number = (long)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return number;
}

static bool insert(unsigned run, long round, const char *host)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(db, "INSERT INTO rounds VALUES (?, ?, ?)", -1, &s, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_int64(s, 1, run);
	sqlite3_bind_int64(s, 2, round);
	sqlite3_bind_text(s, 3, host, -1, SQLITE_TRANSIENT);
	bool done = sqlite3_step(s) == SQLITE_DONE;
	sqlite3_finalize(s);
	return done;
}

int main(int argc, char **argv)
{
	unsigned run;
	if (argc < 2 || getrandom(&run, sizeof run, 0) != sizeof run) {
		fputs("usage: identifier_fastened DATABASE [ROUNDS]\n", stderr);
		return 2;
	}
	if (sqlite3_open(argv[1], &db) != SQLITE_OK || sqlite3_busy_timeout(db, 5000) != SQLITE_OK ||
		sqlite3_exec(db, "CREATE TABLE IF NOT EXISTS rounds (run INTEGER, round INTEGER, host TEXT)", 0, 0, 0) !=
			SQLITE_OK) {
		fprintf(stderr, "identifier_fastened: %s: %s\n", argv[1], sqlite3_errmsg(db));
		return 1;
	}
	pmig_declare_handle((void **)&db, "database", argv[1],
		&(struct pmig_declaration){.name = "database", .binding = PMIG_BY_IDENTIFIER, .attachment = PMIG_FASTENED});

	for (long round = 1, last = argc > 2 ? atol(argv[2]) : 1000000; round <= last; round++) {
		char host[65];
		gethostname(host, sizeof host);
		bool right = insert(run, round, host) &&
			number_of("SELECT count(DISTINCT round) FROM rounds WHERE run = ? AND round <= ?", run, round) ==
				round &&
			number_of("SELECT count(*) FROM rounds WHERE run = ?", run, 0) == round;
		printf("%ld %s: database %s, %ld rows of others\n", round, host, right ? "has all rounds" : "is WRONG",
			number_of("SELECT count(*) FROM rounds WHERE run IS NOT ?", run, 0));
		fflush(stdout);
		if (!right) {
			fprintf(stderr, "identifier_fastened: %s\n", sqlite3_errmsg(db));
			return 1;
		}
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
	return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
