/* fuzz_tree: any bytes as a directory that arrives with a program: it is made below its place or refused, nothing is written beside it, and what
 * was made is undone without a trace.
 * sources: runtime/base/error.c runtime/base/io.c runtime/kind/tree.c runtime/kind/tree_arrive.c runtime/kind/tree_list.c runtime/kind/place.c
 * sources: runtime/resource/content.c runtime/resource/record.c
 * In /dev/shm; beside the place lies a file that must stay as it is. */
#include "runtime/kind/left.h"
#include "runtime/kind/tree.h"
#include "runtime/resource/content.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing was left anywhere. */
bool left_knows(const char *path, struct left_hash hash)
{
	(void)path, (void)hash;
	return false;
}

struct left_hash left_hash(const void *data, uint64_t size)
{
	(void)data, (void)size;
	return (struct left_hash){0};
}

static char root[] = "/dev/shm/pmig-fuzz-tree-XXXXXX";
static char place[64], beside[64];

static void clean_up(void)
{
	char command[64];
	(void)snprintf(command, sizeof command, "rm -rf %s", root);
	(void)!system(command);
}

static void begin(void)
{
	if (mkdtemp(root) == NULL)
		abort();
	(void)atexit(clean_up);
	(void)snprintf(place, sizeof place, "%s/place", root);
	(void)snprintf(beside, sizeof beside, "%s/beside", root);
	int fd = open(beside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "mine", 4) != 4 || close(fd) < 0)
		abort();
}

static void check(bool place_may_be)
{
	char text[8] = "";
	struct stat st;
	int fd = open(beside, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), entries = 0;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_mode != (S_IFREG | 0600) || st.st_nlink != 1 ||
		read(fd, text, sizeof text) != 4 || memcmp(text, "mine", 4) != 0)
		abort();
	(void)close(fd);
	DIR *d = opendir(root);
	while (d != NULL && readdir(d) != NULL)
		entries++;
	if (d == NULL || closedir(d) < 0 || entries > 3 + place_may_be)
		abort();
}

/* Two bytes say how much of it are records; the rest are contents. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (place[0] == '\0')
		begin();
	if (size < 2)
		return 0;
	size_t records = (size_t)(data[0] | data[1] << 8);
	if (records > size - 2)
		records = size - 2;
	unsigned char *copy = malloc(size); /* of its own size, so that reading behind it is seen */
	if (copy == NULL)
		abort();
	memcpy(copy, data + 2, size - 2);
	struct pmig_reader in = {
		.record = {.data = copy, .size = records}, .contents = copy + records, .size = size - 2 - records};
	struct tree_done done = {0};
	(void)!tree_arrive(place, &in, false, &done);
	check(true);
	tree_undo(&done);
	check(false);
	free(copy);
	return 0;
}
