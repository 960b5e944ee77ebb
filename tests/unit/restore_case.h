/* restore_case: for tests of what survives: each case runs once before and once after a checkpoint, in two processes
 * of this very program. What it remembers lies in the arena, as a program's would. */
#ifndef TESTS_RESTORE_CASE_H
#define TESTS_RESTORE_CASE_H

#include "arena/arena.h"
#include "arena/malloc.h"
#include "frame/program.h"
#include "image/image.h"
#include "resource/resource.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct restore_case {
	const char *name;
	void *(*before)(void);      /* what it returns is handed to after */
	void (*after)(void *state); /* NULL: the checkpoint or the restore fails */
	const char *refused;        /* then: its reason holds this */
	bool hand_over;             /* the first process ends as after a hand-over: what has moved is removed */
	void (*between)(void);      /* what happens to the machine in between */
	bool rewind;                /* of the options */
};

/* A directory for the case's files, the same in both
 * processes; removed afterwards. */
static char restore_place[PATH_MAX];

#define RESTORE_ROOT ARENA_ROOT_RUNTIME

/* The checks of the two processes: a failure is told and ends it. */
#define CHECK(what) \
	do { \
		if (!(what)) { \
			dprintf(2, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #what, errno); \
			_exit(1); \
		} \
	} while (0)

/* No instrumented program is behind these tests: no globals, no frames. */
const struct program pmig_program = {0};

static int restore_write(const char *path)
{
	struct image_identity id;
	struct image_writer *w;
	struct arena_layout layout;
	struct arena_range ranges[ARENA_RANGES_MAX];
	struct image_range pages[ARENA_RANGES_MAX];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	image_identity_init(&id);
	CHECK(image_writer_create(fd, &id, &w) >= 0);
	int r = resource_save(w);
	if (r >= 0) {
		arena_layout_get(&layout);
		size_t n = arena_ranges(ranges, ARENA_RANGES_MAX);
		for (size_t i = 0; i < n; i++)
			pages[i] = (struct image_range){(uintptr_t)ranges[i].address, ranges[i].size};
		CHECK(image_put(w, IMAGE_LAYOUT, layout.version, &layout, sizeof layout) >= 0);
		CHECK(image_put_globals(w, NULL, 0) >= 0);
		CHECK(image_put_memory(w, pages, n, 0) >= 0);
		CHECK(image_finish(w, NULL) >= 0);
	}
	image_writer_destroy(w);
	close(fd);
	return r;
}

static int restore_read(const char *path, const struct resource_options *options)
{
	struct image *im;
	struct image_entry e;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(image_open(fd, path, &im) >= 0);
	close(fd);
	CHECK(image_verify(im) >= 0);
	CHECK(image_get(im, IMAGE_LAYOUT, 0, &e) >= 0);
	struct arena_layout layout;
	memcpy(&layout, e.data, sizeof layout);
	CHECK(arena_create() >= 0);
	CHECK(arena_layout_set(e.data, e.size) >= 0);
	CHECK(image_map_memory(im, &(struct image_range){ARENA_BASE, ARENA_SIZE}, 1) >= 0);
	CHECK(arena_adopt(&layout) >= 0);
	pmig_thread = arena_thread(0);
	int r = resource_restore(im, options);
	image_close(im);
	return r;
}

static const struct restore_case *restore_find(const struct restore_case *cases, const char *name)
{
	while (cases->name != NULL && strcmp(cases->name, name) != 0)
		cases++;
	CHECK(cases->name != NULL);
	return cases;
}

static void restore_before(const struct restore_case *c, char **argv, const char *path)
{
	CHECK(arena_create() >= 0);
	pmig_thread = arena_thread(0);
	CHECK(resource_start(2, argv, environ) >= 0);
	*arena_root(RESTORE_ROOT) = c->before();
	CHECK(resource_prepare() >= 0);
	int r = restore_write(path);
	if (c->refused != NULL && r < 0) {
		dprintf(2, "%s\n", pmig_reason());
		CHECK(strstr(pmig_reason(), c->refused) != NULL);
		_exit(77);
	}
	if (r < 0)
		dprintf(2, "%s\n", pmig_reason());
	CHECK(r >= 0);
	if (c->hand_over)
		(void)resource_release();
	_exit(0); /* without flushing: what is buffered belongs to the other one */
}

static void restore_after(const struct restore_case *c, const char *path)
{
	struct resource_options options = {.rewind = c->rewind};
	int r = restore_read(path, &options);
	if (c->after == NULL) {
		CHECK(r < 0);
		dprintf(2, "%s\n", pmig_reason());
		CHECK(strstr(pmig_reason(), c->refused) != NULL);
		_exit(0);
	}
	if (r < 0)
		dprintf(2, "%s\n", pmig_reason());
	CHECK(r >= 0);
	resource_after(&(struct pmig_news){.outcome = PMIG_RESTORED, .from = "there", .to = "here", .reason = ""});
	c->after(*arena_root(RESTORE_ROOT));
	exit(0); /* with what atexit() was told */
}

static int restore_spawn(const char *role, const char *name, const char *path)
{
	pid_t pid = fork();
	if (pid == 0) {
		closefrom(3); /* whatever runs the tests may have left more open */
		execl("/proc/self/exe", "restore-test", role, name, path, (char *)NULL);
		_exit(126);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static int restore_remove(const char *path, const struct stat *st, int type, struct FTW *ftw);

/* path[PATH_MAX - 2] is where the image goes. */
static inline void restore_prepare(char *path)
{
	snprintf(path, PATH_MAX - 2, "%s/restore-%d.image", PMIG_BUILD_DIR, (int)getpid());
	snprintf(restore_place, sizeof restore_place, "%s.d", path);
	(void)nftw(restore_place, restore_remove, 16, FTW_DEPTH | FTW_PHYS); /* of a case that failed */
	assert_int_equal(mkdir(restore_place, 0700), 0);
}

static int restore_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* One cmocka test runs one case; *state is the case. */
static inline void restore_run(void **state)
{
	const struct restore_case *c = *state;
	char path[PATH_MAX - 2];
	restore_prepare(path);
	int r = restore_spawn("before", c->name, path);
	if (c->refused != NULL && r == 77)
		r = 0;
	else if (r == 0) {
		if (c->between != NULL)
			c->between();
		r = restore_spawn("after", c->name, path);
	}
	unlink(path);
	assert_int_equal(nftw(restore_place, restore_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(r, 0);
}

/* To be called first in main(). */
static inline void restore_main(int argc, char **argv, const struct restore_case *cases)
{
	if (argc == 4)
		snprintf(restore_place, sizeof restore_place, "%s.d", argv[3]);
	if (argc == 4 && strcmp(argv[1], "before") == 0)
		restore_before(restore_find(cases, argv[2]), argv, argv[3]);
	if (argc == 4 && strcmp(argv[1], "after") == 0)
		restore_after(restore_find(cases, argv[2]), argv[3]);
}

/* All cases as cmocka tests. */
static inline int restore_all(const struct restore_case *cases)
{
	struct CMUnitTest tests[64] = {0};
	size_t n = 0;
	for (; cases[n].name != NULL; n++)
		tests[n] = (struct CMUnitTest){
			.name = cases[n].name, .test_func = restore_run, .initial_state = (void *)&cases[n]};
	return _cmocka_run_group_tests("restore", tests, n, NULL, NULL);
}

#endif
