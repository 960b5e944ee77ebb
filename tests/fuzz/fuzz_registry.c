/* fuzz_registry: a registry of which any bytes are others (the input: places and what stands there, 4 bytes each), cut off or not: it is refused,
 * or every query, the check of all of it, and a change end without harm.
 * sources: runtime/base/*.c registry/*.c
 * libraries: sqlite3 jansson
 * It lies in /dev/shm: nothing of it is to be durable. */
#include "registry/database.h"
#include "registry/list.h"
#include "registry/store.h"
#include "registry/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UUID "0f0e0d0c-0b0a-4908-8706-050403020100"
#define ROWS 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/dev/shm/pmig-fuzz-registry-XXXXXX", path[sizeof directory + 16];
static uint8_t *whole;
static size_t whole_size;
static FILE *null;

static void remove_all(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char name[sizeof path + 16];
		(void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		(void)unlink(name);
	}
}

static void clean_up(void)
{
	remove_all();
	(void)rmdir(directory);
	free(whole);
}

static void fill(struct pmig_store *s)
{
	struct pmig_process_row p = {.uuid = UUID,
		.name = "queens",
		.program = "/bin/queens",
		.build = "unknown",
		.argv = "[\"queens\"]",
		.home = "alpha",
		.epoch = 1,
		.state = PMIG_PROCESS_RUNNING,
		.exit_status = -1};
	if (s->process_put(s, &p) < 0 || s->owner_claim(s, UUID, 1, "alpha") < 0)
		abort();
	for (int i = 0; i < ROWS; i++) {
		struct pmig_resource_row r = {.process = UUID,
			.slot = i,
			.name = "data",
			.kind = "file",
			.locator = "/tmp/data",
			.binding = PMIG_BY_VALUE,
			.attachment = PMIG_UNATTACHED,
			.type = "",
			.origin = PMIG_UNDECLARED,
			.opened = ""};
		if (s->resource_put(s, &r) < 0)
			abort();
	}
}

static void begin(void)
{
	struct pmig_store *s;
	struct stat st;
	null = fopen("/dev/null", "we");
	if (null == NULL || mkdtemp(directory) == NULL)
		abort();
	(void)snprintf(path, sizeof path, "%s/registry.db", directory);
	if (registry_store_open(path, &s) < 0)
		abort();
	fill(s);
	registry_store_close(s); /* the log goes into the file */
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || (whole = malloc((size_t)st.st_size)) == NULL ||
		read(fd, whole, (size_t)st.st_size) != st.st_size)
		abort();
	whole_size = (size_t)st.st_size;
	(void)close(fd);
	(void)atexit(clean_up);
}

static void tell(void *context, const char *check, const char *finding)
{
	(void)context, (void)check, (void)finding;
}

static void use(struct pmig_store *s)
{
	size_t count;
	const struct list_query *queries = list_queries(&count);
	struct database *db = registry_store_database(s);
	struct list_options options = {.form = LIST_JSON};
	struct pmig_owner owner;
	(void)!verify_run(db, tell, NULL);
	for (size_t i = 0; i < count; i++)
		(void)!list_run(db, queries[i].name, &options, null);
	(void)!s->owner_get(s, UUID, &owner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pmig_store *s;
	if (null == NULL)
		begin();
	remove_all();
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, whole, whole_size) != (ssize_t)whole_size)
		abort();
	for (; size >= 4; data += 4, size -= 4) {
		size_t at = ((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % whole_size;
		if (pwrite(fd, data + 3, 1, (off_t)at) != 1)
			abort();
	}
	if (size > 0 && ftruncate(fd, (off_t)(whole_size * data[0] / 256)) < 0)
		abort();
	(void)close(fd);
	if (registry_store_open_readonly(path, &s) >= 0) {
		use(s);
		registry_store_close(s);
	}
	if (registry_store_open(path, &s) >= 0) {
		use(s);
		(void)!s->owner_bar(s, UUID, 7);
		registry_store_close(s);
	}
	return 0;
}
