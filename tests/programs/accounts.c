/* accounts URL [TYPE|url]: puts numbered rows into a PostgreSQL database, each exactly once, wherever it runs: before a move it closes its
 * connection, after it it connects by what its variable says then. Tells each row, "N HOST URL"; ends when the database has a table
 * "enough". */
#include <pmig/pmig.h>

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char *url;
static PGconn *connection; /* NULL: none */

static int close_it(void *context)
{
	(void)context;
	PQfinish(connection);
	connection = NULL;
	return 0;
}

static int connect_again(void *context, const struct pmig_news *news)
{
	(void)context;
	connection = PQconnectdb(url);
	printf("now at %s\n", news->locator);
	if (PQstatus(connection) == CONNECTION_OK)
		return 0;
	fprintf(stderr, "accounts: %s: %s\n", url, PQerrorMessage(connection));
	exit(1);
}

static const struct pmig_hooks hooks = {.before = close_it, .after = connect_again};

/* What the query comes to; -1: it fails. */
static long ask(const char *query)
{
	PGresult *r = PQexec(connection, query);
	bool good = PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK;
	long n = good && PQntuples(r) > 0 ? atol(PQgetvalue(r, 0, 0)) : good ? 0 : -1;
	if (!good)
		fprintf(stderr, "accounts: %s: %s\n", query, PQerrorMessage(connection));
	PQclear(r);
	return n;
}

int main(int argc, char **argv)
{
	char host[65], query[200];
	if (argc < 2)
		return 2;
	url = argv[1];
	bool is_url = argc > 2 && strcmp(argv[2], "url") == 0;
	const char *type = argc > 2 && !is_url ? argv[2] : NULL;
	connection = PQconnectdb(url);
	if (PQstatus(connection) != CONNECTION_OK ||
		ask("CREATE TABLE IF NOT EXISTS rows(n integer PRIMARY KEY, host text)") < 0) {
		fprintf(stderr, "accounts: %s", PQerrorMessage(connection));
		return 1;
	}
	if (pmig_declare_handle((void **)&url, is_url ? "url" : "service", url,
		    &(struct pmig_declaration){.name = "accounts",
			    .binding = type != NULL ? PMIG_BY_TYPE : PMIG_BY_IDENTIFIER,
			    .attachment = PMIG_FASTENED,
			    .type = type,
			    .hooks = &hooks}) < 0) {
		fprintf(stderr, "accounts: %s\n", pmig_reason());
		return 1;
	}
	for (long n = 1; ask("SELECT count(*) FROM pg_tables WHERE tablename = 'enough'") == 0; n++) {
		gethostname(host, sizeof host);
		snprintf(query, sizeof query, "INSERT INTO rows VALUES (%ld, '%s')", n, host);
		if (type != NULL) /* another server has not the table of the first */
			ask("CREATE TABLE IF NOT EXISTS rows(n integer PRIMARY KEY, host text)");
		if (ask(query) < 0)
			return 1;
		printf("%ld %s %s\n", n, host, url);
		fflush(stdout);
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		pmig_safepoint();
	}
	PQfinish(connection);
	return 0;
}
