/* powerdisk FILE MIB DIRECTORY: a disk that forgets. DIRECTORY/disk is its content, for a loop device: what has been written and
 * not synced is kept apart, sector by sector with every version, and reaches FILE at fsync. DIRECTORY/control takes lines:
 *   off [SEED]   the power goes: whoever has the disk open gets EIO from now on. What was not synced is gone, or, with a
 *                seed, each sector of it is left in one of the versions it had, chosen by that: writes are torn and out of order
 *   on           it may be opened again
 *   lie          fsync is answered and does nothing from now on, as some disks do
 * and shows how many sectors were written, synced, lost and are not synced. "ready" is printed once it is there. */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512
#define SECTORS_A_MIB (1024 * 1024 / SECTOR)
#define MIB_MAX 65536
#define WRITE_MAX (1024 * 1024)

struct version {
	struct version *older;
	unsigned char data[SECTOR];
};

static struct {
	int file;
	uint64_t sectors;
	struct version **latest; /* per sector: what FILE does not have yet, newest first */
	uint64_t *dirty;         /* the sectors with one */
	uint64_t dirty_count, dirty_space;
	uint64_t life; /* counted up when the power goes: what was opened before has no disk any more */
	uint64_t written, synced, lost;
	bool off, lies;
} disk;

static const char disk_path[] = "/disk", control_path[] = "/control";

static int describe(const char *path, struct stat *ret_stat, struct fuse_file_info *fi)
{
	(void)fi;
	*ret_stat = (struct stat){.st_nlink = 1, .st_mode = S_IFREG | 0600};
	if (strcmp(path, "/") == 0)
		ret_stat->st_mode = S_IFDIR | 0700;
	else if (strcmp(path, disk_path) == 0)
		ret_stat->st_size = (off_t)(disk.sectors * SECTOR);
	else if (strcmp(path, control_path) != 0)
		return -ENOENT;
	return 0;
}

static int list(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *fi,
	enum fuse_readdir_flags flags)
{
	(void)path, (void)offset, (void)fi, (void)flags;
	(void)fill(buffer, disk_path + 1, NULL, 0, 0);
	(void)fill(buffer, control_path + 1, NULL, 0, 0);
	return 0;
}

static int open_file(const char *path, struct fuse_file_info *fi)
{
	fi->direct_io = 1; /* nothing in the page cache: every read and write comes here */
	fi->fh = disk.life;
	return disk.off && strcmp(path, disk_path) == 0 ? -EIO : 0;
}

static bool has_power(const struct fuse_file_info *fi)
{
	return !disk.off && fi->fh == disk.life;
}

static int read_sector(uint64_t sector, unsigned char *ret_data)
{
	if (disk.latest[sector] != NULL)
		memcpy(ret_data, disk.latest[sector]->data, SECTOR);
	else if (pread(disk.file, ret_data, SECTOR, (off_t)(sector * SECTOR)) != SECTOR)
		return -EIO;
	return 0;
}

static int read_file(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *fi)
{
	if (strcmp(path, control_path) == 0) {
		char text[160];
		int n = snprintf(text, sizeof text, "written %llu synced %llu lost %llu unsynced %llu\n",
			(unsigned long long)disk.written, (unsigned long long)disk.synced, (unsigned long long)disk.lost,
			(unsigned long long)disk.dirty_count);
		if (offset >= n)
			return 0;
		size = size < (size_t)(n - offset) ? size : (size_t)(n - offset);
		memcpy(buffer, text + offset, size);
		return (int)size;
	}
	if (!has_power(fi))
		return -EIO;
	uint64_t at = (uint64_t)offset, end = disk.sectors * SECTOR, done = 0;
	if (at >= end)
		return 0;
	size = size < end - at ? size : end - at;
	while (done < size) {
		unsigned char data[SECTOR];
		uint64_t inside = (at + done) % SECTOR, n = SECTOR - inside;
		n = n < size - done ? n : size - done;
		if (read_sector((at + done) / SECTOR, data) < 0)
			return -EIO;
		memcpy(buffer + done, data + inside, n);
		done += n;
	}
	return (int)size;
}

/* One more version of a sector, `size` bytes of it being new. */
static int write_sector(uint64_t sector, uint64_t inside, const char *data, size_t size)
{
	struct version *v = malloc(sizeof *v);
	if (v == NULL || read_sector(sector, v->data) < 0) {
		free(v);
		return -EIO;
	}
	if (disk.latest[sector] == NULL) {
		if (disk.dirty_count == disk.dirty_space) {
			uint64_t space = disk.dirty_space * 2 + 1024;
			uint64_t *more = reallocarray(disk.dirty, space, sizeof *more);
			if (more == NULL) {
				free(v);
				return -ENOMEM;
			}
			disk.dirty = more;
			disk.dirty_space = space;
		}
		disk.dirty[disk.dirty_count++] = sector;
	}
	memcpy(v->data + inside, data, size);
	v->older = disk.latest[sector];
	disk.latest[sector] = v;
	disk.written++;
	return 0;
}

static void forget(uint64_t sector)
{
	for (struct version *v = disk.latest[sector], *older; v != NULL; v = older) {
		older = v->older;
		free(v);
	}
	disk.latest[sector] = NULL;
}

static int keep(uint64_t sector, const struct version *v)
{
	return pwrite(disk.file, v->data, SECTOR, (off_t)(sector * SECTOR)) == SECTOR ? 0 : -EIO;
}

/* splitmix64: the same choice for the same seed. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15U;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
	x = (x ^ x >> 27) * 0x94d049bb133111ebU;
	return x ^ x >> 31;
}

/* As many of the versions as chance has it arrived before the power went. */
static void power_off(uint64_t seed)
{
	for (uint64_t i = 0; i < disk.dirty_count; i++) {
		uint64_t sector = disk.dirty[i], count = 1; /* that none of them did is one more possibility */
		const struct version *v = disk.latest[sector];
		for (const struct version *each = v; each != NULL; each = each->older)
			count++;
		uint64_t skip = seed == 0 ? count - 1 : next_random(&seed) % count;
		disk.lost += skip > 0;
		for (; skip > 0; skip--)
			v = v->older;
		if (v != NULL)
			(void)keep(sector, v);
		forget(sector);
	}
	disk.dirty_count = 0;
	disk.life++;
	disk.off = true;
}

static int control(const char *buffer, size_t size)
{
	char line[64];
	if (size >= sizeof line)
		return -EINVAL;
	memcpy(line, buffer, size);
	line[size] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "off", 3) == 0)
		power_off(strtoull(line + 3, NULL, 10));
	else if (strcmp(line, "on") == 0)
		disk.off = false;
	else if (strcmp(line, "lie") == 0)
		disk.lies = true;
	else
		return -EINVAL;
	return (int)size;
}

static int write_file(const char *path, const char *buffer, size_t size, off_t offset, struct fuse_file_info *fi)
{
	if (strcmp(path, control_path) == 0)
		return control(buffer, size);
	if (!has_power(fi))
		return -EIO;
	uint64_t at = (uint64_t)offset, end = disk.sectors * SECTOR, done = 0;
	if (at >= end)
		return -ENOSPC;
	size = size < end - at ? size : end - at;
	while (done < size) {
		uint64_t inside = (at + done) % SECTOR, n = SECTOR - inside;
		n = n < size - done ? n : size - done;
		int r = write_sector((at + done) / SECTOR, inside, buffer + done, n);
		if (r < 0)
			return r;
		done += n;
	}
	return (int)size;
}

static int sync_file(const char *path, int data_only, struct fuse_file_info *fi)
{
	(void)data_only;
	if (strcmp(path, disk_path) != 0)
		return 0;
	if (!has_power(fi))
		return -EIO;
	if (disk.lies)
		return 0;
	for (uint64_t i = 0; i < disk.dirty_count; i++) {
		int r = keep(disk.dirty[i], disk.latest[disk.dirty[i]]);
		if (r < 0)
			return r;
	}
	for (uint64_t i = 0; i < disk.dirty_count; i++)
		forget(disk.dirty[i]);
	disk.synced += disk.dirty_count;
	disk.dirty_count = 0;
	return 0;
}

static int shorten(const char *path, off_t size, struct fuse_file_info *fi)
{
	(void)path, (void)size, (void)fi; /* a shell opens the control file so */
	return 0;
}

static void *begin(struct fuse_conn_info *connection, struct fuse_config *config)
{
	config->nullpath_ok = 0;
	connection->max_write = WRITE_MAX;
	(void)puts("ready");
	(void)fflush(stdout);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long mib = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	if (mib == 0 || mib > MIB_MAX) {
		(void)fprintf(stderr, "usage: powerdisk FILE MIB DIRECTORY\n");
		return 2;
	}
	disk.sectors = mib * SECTORS_A_MIB;
	disk.file = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	disk.latest = calloc(disk.sectors, sizeof *disk.latest);
	if (disk.file < 0 || ftruncate(disk.file, (off_t)(disk.sectors * SECTOR)) < 0 || disk.latest == NULL) {
		perror(argv[1]);
		return 1;
	}
	static const struct fuse_operations operations = {
		.getattr = describe,
		.readdir = list,
		.open = open_file,
		.read = read_file,
		.write = write_file,
		.fsync = sync_file,
		.truncate = shorten,
		.init = begin,
	};
	char *arguments[] = {argv[0], "-f", "-s", "-ofsname=powerdisk", argv[3], NULL};
	return fuse_main(5, arguments, &operations, NULL);
}
