/* checkpoint: puts memory, globals, frames and resources together in one image. */
#include "checkpoint.h"

#include "arena/arena.h"
#include "arena/mapping.h"
#include "build.h"
#include "control_channel.h"
#include "errno_place.h"
#include "frame/program.h"
#include "image/image.h"
#include "outside.h"
#include "resource/limits.h"
#include "resource/resource.h"
#include "thread.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STATE_VERSION 2

/* The runtime's own state that travels: IMAGE_PROGRAM. */
struct state {
	uint64_t checkpoint;
	uint64_t libc; /* an address in libc; see checkpoint_libc_then() */
};

static struct state then;
static uint64_t number;

uint64_t checkpoint_number(void)
{
	return number;
}

const void *checkpoint_libc_then(void)
{
	return (const void *)(uintptr_t)then.libc;
}

const void *checkpoint_libc_now(void)
{
	return dlsym(RTLD_DEFAULT, "gnu_get_libc_version"); /* never taken by a program: not an address of its own */
}

static void cleanup_map(struct image_range **ranges)
{
	if (*ranges != NULL)
		(void)munmap(*ranges, (pmig_program.globals_count + 1) * sizeof **ranges);
}

static void cleanup_writer(struct image_writer **w)
{
	image_writer_destroy(*w);
}

static void cleanup_image(struct image **im)
{
	image_close(*im);
}

/* The program's globals as ranges, in memory that is neither heap. */
static int global_ranges(struct image_range **ret)
{
	struct image_range *r = mmap(NULL, (pmig_program.globals_count + 1) * sizeof *r, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r == MAP_FAILED)
		return error_set(PMIG_ENOMEM, "no memory for the list of globals");
	for (uint32_t i = 0; i < pmig_program.globals_count; i++)
		r[i] = (struct image_range){(uintptr_t)pmig_program.globals[i].address, pmig_program.globals[i].size};
	*ret = r;
	return 0;
}

static size_t arena_image_ranges(struct image_range *ret)
{
	struct arena_range ranges[ARENA_RANGES_MAX];
	size_t n = arena_ranges(ranges, ARENA_RANGES_MAX);
	for (size_t i = 0; i < n; i++)
		ret[i] = (struct image_range){(uintptr_t)ranges[i].address, ranges[i].size};
	return n;
}

static void cleanup_mapped(struct mapping_range **ranges)
{
	if (*ranges != NULL)
		(void)munmap(*ranges, MAPPING_MAX * sizeof **ranges);
}

/* The bytes of mappings: in batches, since there can be many. */
static int write_mapped(struct image_writer *w)
{
	__attribute__((cleanup(cleanup_mapped))) struct mapping_range *all = NULL;
	struct image_range ranges[ARENA_RANGES_MAX];
	void *p = mmap(NULL, MAPPING_MAX * sizeof *all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return error_set(PMIG_ENOMEM, "no memory for the list of mappings");
	all = p;
	size_t n = mapping_ranges(all, MAPPING_MAX), count = 0;
	int r = 0;
	for (size_t i = 0; i < n && r >= 0; i++) {
		struct image_range *last = count > 0 ? &ranges[count - 1] : NULL;
		if (last != NULL && last->address + last->size == (uintptr_t)all[i].address)
			last->size += all[i].size;
		else
			ranges[count++] = (struct image_range){(uintptr_t)all[i].address, all[i].size};
		if (count == ARENA_RANGES_MAX || i + 1 == n) {
			r = image_put_memory(w, ranges, count, 0);
			count = 0;
		}
	}
	return r;
}

static int write_mappings(struct image_writer *w)
{
	size_t n;
	const struct mapping *all = mapping_table(&n);
	int r = n > 0 ? image_put(w, IMAGE_MAPPINGS, MAPPING_VERSION, all, n * sizeof *all) : 0;
	if (r < 0 || n == 0)
		return r;
	mapping_uncover();
	r = write_mapped(w);
	mapping_cover();
	return r;
}

static void fill_identity(struct image_identity *id)
{
	image_identity_init(id);
	memcpy(id->build, build_identity(), sizeof id->build);
	const char *uuid = control_uuid();
	for (size_t i = 0, k = 0; uuid[i] != '\0' && uuid[i + 1] != '\0' && k < sizeof id->process;) {
		unsigned byte;
		if (uuid[i] == '-') {
			i++;
			continue;
		}
		if (sscanf(uuid + i, "%2x", &byte) != 1)
			break;
		id->process[k++] = (uint8_t)byte;
		i += 2;
	}
	(void)snprintf(id->name, sizeof id->name, "%.*s", (int)sizeof id->name - 1, control_name());
	id->epoch = control_epoch();
	id->checkpoint = number;
}

static int write_memory(struct image_writer *w)
{
	struct image_range ranges[ARENA_RANGES_MAX];
	struct arena_layout layout;
	arena_trim();
	arena_layout_get(&layout);
	int r = image_put(w, IMAGE_LAYOUT, layout.version, &layout, sizeof layout);
	if (r < 0)
		return r;
	r = image_put_memory(w, ranges, arena_image_ranges(ranges), 0);
	return r < 0 ? r : write_mappings(w);
}

static int write_globals(struct image_writer *w)
{
	__attribute__((cleanup(cleanup_map))) struct image_range *globals = NULL;
	int r = global_ranges(&globals);
	return r < 0 ? r : image_put_globals(w, globals, pmig_program.globals_count);
}

/* One section for each thread. */
static int write_frames(struct image_writer *w, struct walk_buffer *const *frames)
{
	int r = 0;
	for (unsigned i = 0; i < ARENA_THREADS_MAX && r >= 0; i++) {
		if (frames[i] == NULL)
			continue;
		struct walk_header h = {.count = frames[i]->count, .size = frames[i]->size, .thread = i};
		struct iovec parts[] = {{&h, sizeof h}, {frames[i]->bytes, frames[i]->size}};
		r = image_put_parts(w, IMAGE_FRAMES, WALK_VERSION, parts, 2);
	}
	return r;
}

static int write_sections(struct image_writer *w, struct walk_buffer *const *frames)
{
	struct state now = {.checkpoint = number, .libc = (uintptr_t)checkpoint_libc_now()};
	int r = image_put(w, IMAGE_PROGRAM, STATE_VERSION, &now, sizeof now);
	if (r >= 0)
		r = resource_save(w);
	if (r < 0)
		return r;
	r = write_frames(w, frames);
	if (r >= 0)
		r = write_globals(w);
	if (r >= 0)
		r = write_memory(w);
	if (r < 0)
		resource_continue();
	return r;
}

static uint64_t count_frames(struct walk_buffer *const *frames)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < ARENA_THREADS_MAX; i++)
		n += frames[i] != NULL ? frames[i]->count : 0;
	return n;
}

static int write_image(int fd, struct walk_buffer *const *frames, struct checkpoint_result *ret)
{
	__attribute__((cleanup(cleanup_writer))) struct image_writer *w = NULL;
	struct image_identity id;
	uint64_t bytes = 0;
	int r = outside_check(frames);
	if (r < 0)
		return error_prefix(r, "checkpoint");
	number++;
	fill_identity(&id);
	r = image_writer_create(fd, &id, &w);
	if (r >= 0)
		r = write_sections(w, frames);
	if (r < 0)
		return error_prefix(r, "checkpoint");
	r = image_finish(w, &bytes);
	if (r < 0) {
		resource_continue();
		return error_prefix(r, "checkpoint");
	}
	*ret = (struct checkpoint_result){.bytes = bytes, .frames = count_frames(frames)};
	return 0;
}

int checkpoint_write(int fd, struct walk_buffer *const *frames, struct checkpoint_result *ret)
{
	limits_lift();
	int r = write_image(fd, frames, ret);
	limits_put_back();
	return r;
}

static int read_state(struct image *im)
{
	struct image_entry e;
	int r = image_get(im, IMAGE_PROGRAM, 0, &e);
	if (r < 0)
		return r;
	if (e.version != STATE_VERSION || e.size != sizeof then)
		return error_set(PMIG_EVERSION, "section program of version %u with %zu bytes", e.version, e.size);
	memcpy(&then, e.data, sizeof then);
	number = then.checkpoint;
	return 0;
}

/* The section of the mappings; empty where the program had none. */
static int find_mappings(const struct image *im, struct image_entry *ret)
{
	int r = image_get(im, IMAGE_MAPPINGS, 0, ret);
	if (r == PMIG_ENOENT)
		*ret = (struct image_entry){.version = MAPPING_VERSION};
	else if (r >= 0 && ret->version != MAPPING_VERSION)
		return error_set(PMIG_EVERSION, "section mappings of version %u", ret->version);
	return r == PMIG_ENOENT ? 0 : r;
}

static int read_memory(struct image *im)
{
	const struct image_range ranges[] = {{MAPPING_BASE, MAPPING_SIZE}, {ARENA_BASE, ARENA_SIZE}};
	struct arena_layout layout;
	struct image_entry e, mappings;
	int r = image_get(im, IMAGE_LAYOUT, 0, &e);
	if (r >= 0)
		r = arena_layout_set(e.data, e.size);
	if (r < 0)
		return r;
	memcpy(&layout, e.data, sizeof layout);
	r = find_mappings(im, &mappings);
	if (r >= 0)
		r = mapping_open(mappings.data, mappings.size);
	if (r >= 0)
		r = image_map_memory(im, mappings.size > 0 ? ranges : ranges + 1, mappings.size > 0 ? 2 : 1);
	if (r >= 0)
		r = arena_adopt(&layout);
	return r < 0 ? r : mapping_adopt(mappings.data, mappings.size);
}

static int read_globals(struct image *im)
{
	__attribute__((cleanup(cleanup_map))) struct image_range *globals = NULL;
	int r = global_ranges(&globals);
	return r < 0 ? r : image_restore_globals(im, globals, pmig_program.globals_count);
}

/* One section: a thread's. */
static int read_thread(const struct image_entry *e, uint64_t *ret_frames)
{
	struct walk_header h;
	if (e->version != WALK_VERSION || e->size < sizeof h)
		return error_set(PMIG_EVERSION, "section frames of version %u", e->version);
	memcpy(&h, e->data, sizeof h);
	if (h.size != e->size - sizeof h)
		return error_set(PMIG_ECORRUPT, "section frames: %zu bytes where %lu were announced", e->size - sizeof h,
			(unsigned long)h.size);
	/* stays for the life of the process: the driver reads it frame by frame */
	char *copy = mmap(NULL, h.size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return error_set(PMIG_ENOMEM, "no memory for %lu bytes of frames", (unsigned long)h.size);
	memcpy(copy, (const char *)e->data + sizeof h, h.size);
	*ret_frames += h.count;
	return thread_adopt(h.thread, copy, h.size, h.count);
}

static int read_frames(struct image *im, uint64_t *ret_frames)
{
	struct image_entry e;
	uint64_t frames = 0;
	int r = 0;
	for (size_t i = 0; r >= 0 && (r = image_get(im, IMAGE_FRAMES, i, &e)) >= 0; i++)
		r = read_thread(&e, &frames);
	*ret_frames = frames;
	return r == PMIG_ENOENT ? 0 : r;
}

int checkpoint_read(int fd, const char *name, bool verified, const char **ret_from, uint64_t *ret_frames)
{
	__attribute__((cleanup(cleanup_image))) struct image *im = NULL;
	static char from[sizeof(((struct image_identity *)NULL)->host)];
	struct image_identity mine;
	int r = image_open(fd, name, &im);
	(void)close(fd); /* its number may be one of the program's */
	if (r < 0)
		return r;
	fill_identity(&mine);
	if (control_clone())
		memset(mine.process, 0, sizeof mine.process); /* any process will do */
	r = image_check_identity(im, &mine);
	if (r >= 0 && verified)
		image_trust(im);
	else if (r >= 0)
		r = image_verify(im);
	if (r >= 0)
		r = read_memory(im);
	if (r >= 0)
		r = read_state(im);
	if (r >= 0)
		r = read_globals(im);
	if (r >= 0)
		errno_place_set();
	if (r >= 0)
		r = read_frames(im, ret_frames);
	if (r >= 0)
		r = resource_restore(im, &(struct resource_options){.rewind = control_rewind()});
	if (r >= 0)
		r = thread_restart();
	if (r < 0)
		return r;
	memcpy(from, image_identity(im)->host, sizeof from);
	*ret_from = from;
	return 0;
}
