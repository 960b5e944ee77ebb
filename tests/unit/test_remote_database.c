/* SQLite on a database of another host: a server in a process of its own, the layer at the other end of a socketpair, and an
 * ordinary connection beside it: rows, locks, and a writer that is killed half way. */
#include "kind/connection.h"
#include "kind/remote_database.h"
#include "transport/agent_reference_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/pmig-remote-database-XXXXXX";
static char path[64], journal[80];
static pid_t server;

static int run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

#define GOOD(db, sql) assert_int_equal(run(db, sql), SQLITE_OK)

static sqlite3 *local(void)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static sqlite3 *fresh(void)
{
	(void)unlink(path);
	(void)unlink(journal);
	sqlite3 *db = local();
	GOOD(db, "CREATE TABLE t(x INTEGER PRIMARY KEY, y); INSERT INTO t VALUES (1, 0)");
	return db;
}

/* The server's end of a connection, in a process of its own: the locks that this process has are those of another. */
static int serve(int flags)
{
	int ends[2];
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), errno);
	server = fork();
	if (server == 0) {
		close(ends[0]);
		int held = open(path, flags | O_CLOEXEC);
		_exit(held >= 0 && agent_reference_file_run(held, ends[1], ends[1]) == 0 ? 0 : 1);
	}
	close(ends[1]);
	return ends[0];
}

static int connect_to(sqlite3 **ret, int socket, int flags)
{
	assert_int_equal(remote_database_serve(path, socket), 0);
	int r = sqlite3_open_v2(path, ret, flags, REMOTE_DATABASE);
	return r != SQLITE_OK ? r : run(*ret, "SELECT * FROM t");
}

static sqlite3 *remote(void)
{
	sqlite3 *db = NULL;
	assert_int_equal(connect_to(&db, serve(O_RDWR), SQLITE_OPEN_READWRITE), SQLITE_OK);
	return db;
}

static void end(sqlite3 *db)
{
	int status = -1;
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_equal(status, 0);
}

static void both_see_all(void **state)
{
	(void)state;
	sqlite3 *here = fresh(), *there = remote();
	char sql[80];
	GOOD(here, "PRAGMA synchronous = OFF");
	GOOD(there, "PRAGMA synchronous = OFF");
	for (int i = 1; i <= 300; i += 2) { /* faster than the clock that stamps the file */
		(void)snprintf(sql, sizeof sql, "UPDATE t SET y = %d", i);
		GOOD(there, sql);
		assert_int_equal(connection_number(here, "SELECT y FROM t", -1), i);
		(void)snprintf(sql, sizeof sql, "UPDATE t SET y = %d", i + 1);
		GOOD(here, sql);
		assert_int_equal(connection_number(there, "SELECT y FROM t", -1), i + 1);
	}
	GOOD(there,
		"CREATE TABLE more AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, "
		"hex(randomblob(50)) AS y FROM n; CREATE INDEX by_y ON more(y); DELETE FROM more WHERE i % 3 = 0; VACUUM");
	char word[32];
	connection_word(here, "PRAGMA integrity_check", word, sizeof word);
	assert_string_equal(word, "ok");
	assert_int_equal(connection_number(here, "SELECT count(*) FROM more", -1), 13334);
	assert_int_equal(connection_number(here, "SELECT total(length(y)) FROM more", -1), 1333400);
	assert_int_equal(connection_number(there, "SELECT total(length(y)) FROM more", -1), 1333400);
	assert_int_equal(access(journal, F_OK), -1);
	sqlite3_close(here);
	end(there);
}

static void locks_both_ways(void **state)
{
	(void)state;
	sqlite3 *here = fresh(), *there = remote();
	GOOD(there, "BEGIN IMMEDIATE; INSERT INTO t VALUES (2, 2)");
	assert_int_equal(run(here, "INSERT INTO t VALUES (3, 3)"), SQLITE_BUSY);
	assert_int_equal(connection_number(here, "SELECT count(*) FROM t", -1), 1);
	GOOD(there, "COMMIT");
	GOOD(here, "INSERT INTO t VALUES (3, 3)");

	GOOD(here, "BEGIN IMMEDIATE; INSERT INTO t VALUES (4, 4)");
	assert_int_equal(run(there, "INSERT INTO t VALUES (5, 5)"), SQLITE_BUSY);
	assert_int_equal(connection_number(there, "SELECT count(*) FROM t", -1), 3);
	GOOD(here, "COMMIT; BEGIN EXCLUSIVE");
	assert_int_equal(run(there, "SELECT * FROM t"), SQLITE_BUSY);
	GOOD(here, "COMMIT");

	GOOD(here, "BEGIN; SELECT * FROM t"); /* a reader keeps the writer from committing */
	GOOD(there, "BEGIN; INSERT INTO t VALUES (5, 5)");
	assert_int_equal(run(there, "COMMIT"), SQLITE_BUSY);
	GOOD(here, "COMMIT");
	assert_int_equal(run(here, "SELECT * FROM t"), SQLITE_BUSY); /* no new reader comes before it */
	GOOD(there, "COMMIT");
	assert_int_equal(connection_number(here, "SELECT count(*) FROM t", -1), 5);

	sqlite3 *third = NULL;
	GOOD(there, "BEGIN; SELECT * FROM t"); /* the same with the parts exchanged */
	GOOD(here, "BEGIN; INSERT INTO t VALUES (6, 6)");
	assert_int_equal(run(here, "COMMIT"), SQLITE_BUSY);
	assert_int_equal(connect_to(&third, open("/dev/null", O_RDWR | O_CLOEXEC), SQLITE_OPEN_READWRITE), SQLITE_BUSY);
	GOOD(there, "COMMIT");
	GOOD(here, "COMMIT");
	assert_int_equal(connection_number(third, "SELECT count(*) FROM t", -1), 6);
	sqlite3_close(third);

	GOOD(there, "BEGIN EXCLUSIVE");
	assert_int_equal(run(here, "SELECT * FROM t"), SQLITE_BUSY);
	GOOD(there, "ROLLBACK");
	sqlite3_close(here);
	end(there);
}

/* Two connections of one program share a socket, and exclude each other all the same. */
static void two_of_one_program(void **state)
{
	(void)state;
	sqlite3 *here = fresh(), *a = remote(), *b = NULL;
	assert_int_equal(connect_to(&b, open("/dev/null", O_RDWR | O_CLOEXEC), SQLITE_OPEN_READWRITE), SQLITE_OK);
	GOOD(a, "BEGIN IMMEDIATE; INSERT INTO t VALUES (2, 2)");
	assert_int_equal(run(b, "INSERT INTO t VALUES (3, 3)"), SQLITE_BUSY);
	GOOD(a, "COMMIT");
	GOOD(b, "INSERT INTO t VALUES (3, 3)");
	assert_int_equal(sqlite3_close(a), SQLITE_OK);
	assert_int_equal(connection_number(b, "SELECT count(*) FROM t", -1), 3);
	sqlite3_close(here);
	end(b);
}

/* The writer is killed when half of its pages are in the file already. */
static void killed_half_way(void **state)
{
	(void)state;
	sqlite3 *here = fresh();
	int status = -1, socket = serve(O_RDWR), told[2];
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	struct stat before, after;
	assert_int_equal(stat(path, &before), 0);
	pid_t writer = fork();
	if (writer == 0) {
		sqlite3 *there = NULL;
		char c = 0;
		if (connect_to(&there, socket, SQLITE_OPEN_READWRITE) == SQLITE_OK &&
			run(there,
				"PRAGMA cache_size = 5; BEGIN; UPDATE t SET y = 'lost'; WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL "
				"SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO t SELECT i, hex(randomblob(90)) FROM n") ==
				SQLITE_OK)
			(void)!write(told[1], &c, 1);
		pause();
	}
	close(socket);
	char c;
	assert_int_equal(read(told[0], &c, 1), 1);
	assert_int_equal(run(here, "INSERT INTO t VALUES (2, 2)"), SQLITE_BUSY);
	kill(writer, SIGKILL);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size > before.st_size + 500000); /* it is half written, and its journal is hot */
	assert_int_equal(access(journal, F_OK), 0);

	char word[32];
	connection_word(here, "PRAGMA integrity_check", word, sizeof word);
	assert_string_equal(word, "ok");
	assert_int_equal(connection_number(here, "SELECT count(*) FROM t WHERE y = 0", -1), 1);
	assert_int_equal(connection_number(here, "SELECT count(*) FROM t", -1), 1);
	assert_int_equal(access(journal, F_OK), -1);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	close(told[0]), close(told[1]);
	sqlite3_close(here);
}

/* The other way round: what a local writer left half done is rolled back by who opens it from elsewhere. */
static void rolls_back_what_it_finds(void **state)
{
	(void)state;
	sqlite3 *here = fresh();
	int status;
	pid_t writer = fork();
	if (writer == 0) {
		sqlite3 *db = NULL;
		if (sqlite3_open(path, &db) != SQLITE_OK ||
			run(db,
				"PRAGMA cache_size = 5; BEGIN; UPDATE t SET y = 'lost'; WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL "
				"SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO t SELECT i, hex(randomblob(90)) FROM n") !=
				SQLITE_OK)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(access(journal, F_OK), 0);
	sqlite3 *there = remote();
	assert_int_equal(connection_number(there, "SELECT count(*) FROM t WHERE y = 0", -1), 1);
	assert_int_equal(connection_number(there, "SELECT count(*) FROM t", -1), 1);
	assert_int_equal(access(journal, F_OK), -1);
	sqlite3_close(here);
	end(there);
}

/* Each kind of rollback journal; a log is not to be had, and a database that has one says so. */
static void journals(void **state)
{
	(void)state;
	static const char *const modes[] = {"delete", "truncate", "persist", "memory", "off"};
	sqlite3 *here = fresh(), *there = remote();
	char word[32], sql[64];
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		(void)snprintf(sql, sizeof sql, "PRAGMA journal_mode = %s", modes[i]);
		connection_word(there, sql, word, sizeof word);
		assert_string_equal(word, modes[i]);
		GOOD(there, "UPDATE t SET y = y + 1; BEGIN; UPDATE t SET y = 77");
		assert_int_equal(access(journal, F_OK), strcmp(word, "memory") == 0 || strcmp(word, "off") == 0 ? -1 : 0);
		if (strcmp(word, "off") != 0)
			GOOD(there, "ROLLBACK");
		else
			GOOD(there, "COMMIT");
		assert_int_equal(connection_number(here, "SELECT y FROM t", -1), strcmp(word, "off") == 0 ? 77 : (int)i + 1);
		GOOD(there, "PRAGMA journal_mode = delete");
	}
	connection_word(there, "PRAGMA journal_mode = WAL", word, sizeof word);
	assert_string_equal(word, "delete");
	end(there);
	connection_word(here, "PRAGMA journal_mode = WAL", word, sizeof word);
	assert_string_equal(word, "wal");
	assert_int_equal(connect_to(&there, serve(O_RDWR), SQLITE_OPEN_READWRITE), SQLITE_CANTOPEN);
	sqlite3_close(here);
	end(there);
}

static void connection_lost(void **state)
{
	(void)state;
	int status;
	sqlite3 *here = fresh(), *there = remote();
	GOOD(there, "BEGIN; INSERT INTO t VALUES (2, 2)");
	kill(server, SIGKILL);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_not_equal(run(there, "COMMIT"), SQLITE_OK);
	GOOD(here, "INSERT INTO t VALUES (2, 'mine')");
	assert_int_not_equal(run(there, "SELECT * FROM t"), SQLITE_OK);
	assert_int_equal(connection_number(here, "SELECT count(*) FROM t", -1), 2);
	sqlite3_close(here);
	sqlite3_close(there);
}

static int closed_in_vain;

/* In place of libc's: a number that is closed twice may be somebody else's by then. */
int close(int fd)
{
	int r = (int)syscall(SYS_close, fd);
	closed_in_vain += r < 0 && errno == EBADF;
	return r;
}

static void nobody_serves(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	close(ends[1]);
	closed_in_vain = 0;
	assert_int_equal(remote_database_serve("/nowhere/app.db", ends[0]), PMIG_EGONE);
	assert_int_equal(closed_in_vain, 0);
	assert_true(fcntl(ends[0], F_GETFD) < 0);
}

static void read_only(void **state)
{
	(void)state;
	sqlite3 *here = fresh(), *there = NULL;
	assert_int_equal(connect_to(&there, serve(O_RDONLY), SQLITE_OPEN_READONLY), SQLITE_OK);
	assert_int_equal(connection_number(there, "SELECT count(*) FROM t", -1), 1);
	assert_int_equal(run(there, "DELETE FROM t"), SQLITE_READONLY);
	sqlite3_close(here);
	end(there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_see_all),
		cmocka_unit_test(locks_both_ways),
		cmocka_unit_test(two_of_one_program),
		cmocka_unit_test(killed_half_way),
		cmocka_unit_test(rolls_back_what_it_finds),
		cmocka_unit_test(journals),
		cmocka_unit_test(connection_lost),
		cmocka_unit_test(read_only),
		cmocka_unit_test(nobody_serves),
	};
	if (mkdtemp(directory) == NULL)
		return 1;
	(void)snprintf(path, sizeof path, "%s/app.db", directory);
	(void)snprintf(journal, sizeof journal, "%s-journal", path);
	(void)signal(SIGPIPE, SIG_IGN);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < 3; i++) {
		char name[80];
		(void)snprintf(name, sizeof name, "%s%s", path, (const char *[]){"", "-wal", "-shm"}[i]);
		(void)unlink(name);
	}
	(void)rmdir(directory);
	return r;
}
