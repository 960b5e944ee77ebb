/* fuzz_rows: any text as the rows of a process that comes along with its image: all of them or none are taken in, and what was taken in can
 * go on to the next host.
 * sources: runtime/base/*.c registry/*.c
 * libraries: sqlite3 jansson
 * It lies in /dev/shm: nothing of it is to be durable. */
#include "registry/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UUID "0f0e0d0c-0b0a-4908-8706-050403020100"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[] = "/dev/shm/pmig-fuzz-rows-XXXXXX";
static struct pmig_store *store;

static void clean_up(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	registry_store_close(store);
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char name[sizeof path + 8];
		(void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		(void)unlink(name);
	}
}

static void begin(void)
{
	int fd = mkstemp(path);
	if (fd < 0 || close(fd) < 0 || unlink(path) < 0 || registry_store_open(path, &store) < 0)
		abort();
	(void)atexit(clean_up);
}

static int count(void *context, const struct pmig_resource_row *row)
{
	if (row->name == NULL || row->locator == NULL)
		abort();
	++*(int *)context;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *rows = NULL;
	int resources = 0;
	if (store == NULL)
		begin();
	int r = store->rows_import(store, UUID, (const char *)data, size);
	if (store->resource_list(store, UUID, count, &resources) < 0 || (r < 0 && resources > 0))
		abort();
	if (r >= 0 &&
		(store->rows_export(store, UUID, &rows) < 0 || store->rows_import(store, UUID, rows, strlen(rows)) < 0))
		abort();
	free(rows);
	if (store->process_drop(store, UUID) < 0 && r >= 0)
		abort();
	return 0;
}
