/* agent_database: reads the head of the file (https://sqlite.org/fileformat.html, 1.3). */
#include "agent_database.h"

#include <fcntl.h>
#include <pmig/pmig.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "SQLite format 3" /* with its NUL */
#define WRITE_VERSION 18
#define READ_VERSION 19
#define VERSION_LOG 2

static bool has_log(const char *path)
{
	unsigned char head[20];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	bool log = pread(fd, head, sizeof head, 0) == sizeof head && memcmp(head, MAGIC, sizeof MAGIC) == 0 &&
		(head[WRITE_VERSION] == VERSION_LOG || head[READ_VERSION] == VERSION_LOG);
	(void)close(fd);
	return log;
}

void agent_database_add(const char *path, json_t *row)
{
	const char *kind = json_string_value(json_object_get(row, "kind"));
	json_int_t consent = json_integer_value(json_object_get(row, "consent"));
	if (kind == NULL || strcmp(kind, "database") != 0 || (consent & PMIG_LOSS) != 0 || !has_log(path))
		return;
	(void)json_object_set_new(row, "no_reference",
		json_string("it has a write-ahead log, which needs memory that all its users share: a rollback journal would do "
			    "(PRAGMA journal_mode = DELETE), or the consent PMIG_LOSS"));
}
