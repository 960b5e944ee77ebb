/* agent_rates: how much the program reads and writes, as far as the kernel tells: how far each descriptor's position went
 * (proc(5), fdinfo) and what the process read and wrote in all (io). Positions say nothing of pread() or of devices: what is left when all
 * else is taken away belongs to the only descriptor that can have had it, and where there are several nobody knows. */
#include "agent_parts.h"
#include "hex_text.h"
#include "machine.h"
#include "open_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define APART_NS 200000000 /* looks that are closer together say too little */
#define SLACK 65536        /* bytes: output that was written and not taken from the pipe yet counts late */
#define BLOCK 65536        /* bytes that a reference reads ahead in one round trip */

struct position {
	int fd;
	dev_t device;
	ino_t inode;
	uint64_t at;
	bool seeks, silent; /* it has a position; it has none, or nothing moved it */
	double rate, trips; /* since the look before; < 0: not known */
};

struct look {
	int64_t at; /* nanoseconds */
	uint64_t bytes, calls, output;
	size_t count;
	struct position *positions;
};

struct agent_rates {
	pid_t pid;
	struct look before, last; /* `before` at least APART_NS earlier, if `last` is not that already */
};

static void set(json_t *row, const char *key, json_t *to)
{
	(void)json_object_set_new(row, key, to);
}

static int64_t now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void agent_rates_forget(struct agent *a)
{
	if (a->rates == NULL)
		return;
	free(a->rates->before.positions);
	free(a->rates->last.positions);
	free(a->rates);
	a->rates = NULL;
}

static uint64_t output_of(const struct agent *a)
{
	return a->io == NULL ? 0 : agent_stdio_end(a->io, AGENT_STDOUT) + agent_stdio_end(a->io, AGENT_STDERR);
}

static void read_io(const struct agent *a, struct look *l)
{
	char path[64], line[128];
	unsigned long long n;
	(void)snprintf(path, sizeof path, "/proc/%d/io", (int)a->pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		if (sscanf(line, "rchar: %llu", &n) == 1 || sscanf(line, "wchar: %llu", &n) == 1)
			l->bytes += n;
		else if (sscanf(line, "syscr: %llu", &n) == 1 || sscanf(line, "syscw: %llu", &n) == 1)
			l->calls += n;
	}
	if (f != NULL)
		(void)fclose(f);
}

/* What the agent's pipes and the runtime's own descriptors carry is known otherwise. */
static bool is_counted(const struct agent *a, const struct open_file *f)
{
	bool common = S_ISCHR(f->st.st_mode) && strcmp(f->link, "/dev/null") == 0;
	return (f->flags & O_PATH) == 0 && !S_ISDIR(f->st.st_mode) && !common &&
		(a->io == NULL || agent_stdio_which(a->io, &f->st) < 0) && strncmp(f->link, "anon_inode:", 11) != 0;
}

static struct look take(const struct agent *a, const struct open_file *files, size_t count)
{
	struct look l = {.at = now(), .output = output_of(a), .positions = calloc(count + 1, sizeof *l.positions)};
	read_io(a, &l);
	for (size_t i = 0; l.positions != NULL && i < count; i++)
		if (is_counted(a, &files[i]))
			l.positions[l.count++] = (struct position){.fd = files[i].fd,
				.device = files[i].st.st_dev,
				.inode = files[i].st.st_ino,
				.at = files[i].position,
				.seeks = S_ISREG(files[i].st.st_mode) || S_ISBLK(files[i].st.st_mode),
				.rate = -1,
				.trips = -1};
	return l;
}

static const struct position *find(const struct look *l, const struct position *p)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->positions[i].fd == p->fd && l->positions[i].device == p->device && l->positions[i].inode == p->inode)
			return &l->positions[i];
	return NULL;
}

static void compare(struct look *l, const struct look *before)
{
	double seconds = (double)(l->at - before->at) / 1e9;
	double bytes = (double)(l->bytes - before->bytes) - (double)(l->output - before->output);
	double calls = (double)(l->calls - before->calls);
	size_t silent = 0, which = 0;
	for (size_t i = 0; i < l->count; i++) {
		struct position *p = &l->positions[i];
		const struct position *old = find(before, p);
		double moved = old != NULL && p->at > old->at ? (double)(p->at - old->at) : 0;
		if (!p->seeks || moved == 0 || moved > bytes + SLACK) { /* or it was set, by lseek() */
			silent++;
			which = i;
			continue;
		}
		p->rate = moved / seconds;
		p->trips = moved / BLOCK / seconds;
		bytes -= moved;
		calls -= moved / BLOCK;
	}
	bool quiet = bytes < 4096 * seconds; /* the control channel, a clock that is read */
	for (size_t i = 0; quiet && i < l->count; i++)
		if (l->positions[i].rate < 0)
			l->positions[i].rate = l->positions[i].trips = 0;
	if (!quiet && silent == 1) {
		l->positions[which].rate = bytes / seconds;
		l->positions[which].trips = (calls > 0 ? calls : 0) / seconds;
	}
}

void agent_rates_look(struct agent *a, const struct open_file *files, size_t count)
{
	if (a->rates != NULL && a->rates->pid != a->pid)
		agent_rates_forget(a);
	struct look l = take(a, files, count);
	if (a->rates == NULL) {
		a->rates = calloc(1, sizeof *a->rates);
		if (a->rates == NULL)
			free(l.positions);
		else
			*a->rates = (struct agent_rates){.pid = a->pid, .last = l};
		return;
	}
	struct agent_rates *r = a->rates;
	if (l.at - r->last.at >= APART_NS) {
		free(r->before.positions);
		r->before = r->last;
	} else {
		free(r->last.positions);
	}
	r->last = l;
	if (r->before.at != 0)
		compare(&r->last, &r->before);
}

void agent_rates_add(struct agent *a, const struct open_file *file, json_t *row)
{
	const struct position wanted = {.fd = file->fd, .device = file->st.st_dev, .inode = file->st.st_ino};
	const struct position *p = a->rates != NULL ? find(&a->rates->last, &wanted) : NULL;
	if (p == NULL || p->rate < 0)
		return;
	set(row, "rate_seen", json_integer((json_int_t)p->rate));
	set(row, "trips_seen", json_integer((json_int_t)p->trips));
}

/* --- the process as a whole --- */

/* Memory that is the program's own: about what an image will hold. What came here in an image and was not written since is still backed by that
 * file, and does not count as anonymous. */
static int64_t image_size(const struct agent *a)
{
	char path[64], line[PATH_MAX + 256], perms[8];
	unsigned long long start, end, value, anonymous = 0, backed = 0;
	bool of_image = false;
	(void)snprintf(path, sizeof path, "/proc/%d/smaps", (int)a->pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		if (sscanf(line, "%llx-%llx %7s", &start, &end, perms) == 3) {
			const char *name = strchr(line, '/');
			size_t n = strlen(a->options->state);
			of_image = perms[1] == 'w' && perms[3] == 'p' && name != NULL &&
				strncmp(name, a->options->state, n) == 0 && strncmp(name + n, "/image/", 7) == 0;
			backed += of_image ? (end - start) / 1024 : 0;
		} else if (sscanf(line, "Anonymous: %llu", &value) == 1) {
			anonymous += value;
			backed -= of_image && value < backed ? value : 0;
		} else if (sscanf(line, "Swap: %llu", &value) == 1) {
			anonymous += value;
		}
	}
	if (f != NULL)
		(void)fclose(f);
	return (int64_t)(anonymous + backed) * 1024;
}

void agent_rates_process(struct agent *a, json_t *answer)
{
	char path[64];
	struct timespec t;
	struct pmig_process_row *row;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (a->store->process_get(a->store, a->options->uuid, &row) >= 0) {
		int64_t age = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec - row->started;
		set(answer, "age", json_integer(age > 0 ? age : 0));
		free(row);
	}
	if (a->io != NULL)
		set(answer, "output", json_integer((json_int_t)output_of(a)));
	set(answer, "arch", json_string(machine_arch()));
	set(answer, "image", json_integer(image_size(a)));
	char directory[PATH_MAX];
	(void)snprintf(path, sizeof path, "/proc/%d/cwd", (int)a->pid);
	ssize_t n = readlink(path, directory, sizeof directory - 1);
	if (n > 0) {
		directory[n] = '\0';
		set(answer, "directory", hex_text_json(directory));
	}
	(void)snprintf(path, sizeof path, "/proc/%d/exe", (int)a->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	set(answer, "level", json_integer(fd >= 0 ? machine_level_needed(fd) : 0));
	if (fd >= 0)
		(void)close(fd);
}
