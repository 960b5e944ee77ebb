/* What the runtime does in the place of libc's functions is done by several threads at once: nothing is lost, and the thread sanitizer
 * finds no race. The guards are open in the child of a fork() that comes into the middle of it. */
#include "guard.h"

#include "arena/malloc.h"
#include "arena/mapping.h"
#include "reference/descriptors.h"
#include "reference/replaced.h"
#include "resource/conversion.h"
#include "resource/declare.h"
#include "resource/expression.h"
#include "resource/keep.h"
#include "resource/opened.h"
#include "resource/replaced.h"
#include "resource/resource.h"
#include "resource/words.h"
#include "stream/replaced.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "frame/program.h"
const struct program pmig_program = {0}; /* no instrumented program is behind this test */

#define THREADS 4
#define ROUNDS 300

#define MUST(what) \
	do { \
		if (!(what)) { \
			(void)dprintf(2, "line %d: %s\n", __LINE__, #what); \
			abort(); \
		} \
	} while (0)

static const struct pmig_declaration value = {.binding = PMIG_BY_VALUE, .attachment = PMIG_UNATTACHED};

static int begin(void **state)
{
	(void)state;
	static char name[] = "test_guard", *arguments[] = {name, NULL};
	if (arena_create() < 0)
		return -1;
	pmig_thread = arena_thread(0);
	guard_start();
	return resource_start(1, arguments, environ) < 0 ? -1 : 0;
}

static void together(void *(*run)(void *))
{
	pthread_t ids[THREADS];
	for (intptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, run, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(ids[i], NULL), 0);
}

/* The thread sanitizer keeps the addresses below the arena for itself. */
static bool can_map(void)
{
#ifdef __SANITIZE_THREAD__
	return false;
#else
	return true;
#endif
}

static void *use_mappings(void *me)
{
	for (int i = 0; i < ROUNDS; i++) {
		size_t size = 4096 * (size_t)(2 + i % 5);
		char *p = pmig_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		MUST(p != MAP_FAILED);
		memset(p, (int)(intptr_t)me + 1, size);
		MUST(pmig_mprotect(p, 4096, PROT_READ) == 0);
		p = pmig_mremap(p + 4096, size - 4096, size + 8192, MREMAP_MAYMOVE);
		MUST(p != MAP_FAILED);
		for (size_t k = 0; k < size - 4096; k += 512)
			MUST(p[k] == (intptr_t)me + 1);
		MUST(pmig_munmap(p, size + 8192) == 0);
	}
	return NULL;
}

static void mappings(void **state)
{
	(void)state;
	size_t after, left = 0;
	if (!can_map()) {
		print_message("the thread sanitizer has memory of its own where mappings lie\n");
		skip();
	}
	together(use_mappings);
	const struct mapping *all = mapping_table(&after);
	for (size_t i = 0; i < after; i++)
		left += all[i].size;
	assert_int_equal(left, THREADS * 4096 * (size_t)ROUNDS); /* the first page of each */
}

static void *use_declarations(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		char *block = pmig_malloc(100);
		MUST(pmig_declare_fd(fd, &value) == 0 && pmig_declare_memory(block, 100, &value) == 0);
		pmig_opened(fd, "here.c:1");
		int other = pmig_dup2(fd, 200 + fd);
		MUST(other == 200 + fd && pmig_close(other) == 0);
		block = pmig_realloc(block, 5000);
		pmig_free(block);
		MUST(pmig_close(fd) == 0);
	}
	return NULL;
}

static void declarations(void **state)
{
	(void)state;
	together(use_declarations);
	assert_null(declare_first());
	assert_null(opened_where(3));
}

static void *use_environment(void *me)
{
	char name[32], text[32];
	for (int i = 0; i < ROUNDS; i++) {
		(void)snprintf(name, sizeof name, "GUARD_%d_%d", (int)(intptr_t)me, i);
		(void)snprintf(text, sizeof text, "%d", i);
		MUST(pmig_setenv(name, text, 1) == 0);
		if (i % 2)
			MUST(pmig_unsetenv(name) == 0);
	}
	return NULL;
}

static void environment(void **state)
{
	(void)state;
	char name[32];
	together(use_environment);
	for (int t = 0; t < THREADS; t++)
		for (int i = 0; i < ROUNDS; i++) {
			(void)snprintf(name, sizeof name, "GUARD_%d_%d", t, i);
			assert_true((getenv(name) != NULL) == (i % 2 == 0));
		}
}

static regex_t expression;

static void *use_texts(void *me)
{
	regmatch_t found[1];
	for (int i = 0; i < ROUNDS; i++) {
		char text[32], in[] = "gr\303\274n", out[16], *from = in, *to = out;
		(void)snprintf(text, sizeof text, "text %d", (i + (int)(intptr_t)me) % 100);
		const char *kept = keep_text(text);
		MUST(kept != text && strcmp(kept, text) == 0 && keep_text(text) == kept);
		MUST(strstr(pmig_error_words(ENOENT), "No such file") != NULL);
		MUST(pmig_regexec(&expression, "aaabbb", 1, found, 0) == 0 && found[0].rm_so == 3);
		size_t left = sizeof in - 1, room = sizeof out;
		iconv_t c = pmig_iconv_open("ISO-8859-1", "UTF-8");
		MUST(c != (iconv_t)-1 && pmig_iconv(c, &from, &left, &to, &room) == 0 && to - out == 4);
		MUST(pmig_iconv_close(c) == 0);
	}
	return NULL;
}

static void texts(void **state)
{
	(void)state;
	assert_int_equal(pmig_regcomp(&expression, "b+", REG_EXTENDED), 0);
	together(use_texts);
	pmig_regfree(&expression);
}

static void *use_streams(void *me)
{
	char path[64], line[64];
	(void)snprintf(path, sizeof path, "/tmp/pmig-guard-%d-%d", (int)getpid(), (int)(intptr_t)me);
	for (int i = 0; i < ROUNDS; i++) {
		FILE *f = pmig_fopen(path, "w+");
		MUST(f != NULL && fprintf(f, "thread %d, round %d\n", (int)(intptr_t)me, i) > 0);
		rewind(f);
		int t, r;
		MUST(fgets(line, sizeof line, f) != NULL && sscanf(line, "thread %d, round %d", &t, &r) == 2);
		MUST(t == (intptr_t)me && r == i && pmig_fclose(f) == 0);
		char *text = NULL;
		size_t size;
		FILE *g = pmig_open_memstream(&text, &size);
		MUST(g != NULL && fputs(line, g) >= 0 && pmig_fclose(g) == 0 && strcmp(text, line) == 0);
		pmig_free(text);
		DIR *d = pmig_opendir("/proc/self");
		MUST(d != NULL && pmig_readdir(d) != NULL && pmig_closedir(d) == 0);
	}
	(void)unlink(path);
	return NULL;
}

static void streams(void **state)
{
	(void)state;
	together(use_streams);
}

static _Atomic int ended;

static void end(void)
{
	ended++;
}

static void *use_ending(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++)
		MUST(pmig_atexit(end) == 0);
	return NULL;
}

/* In a child, which ends as a program does. */
static void ending(void **state)
{
	(void)state;
	int status;
	pid_t child = fork();
	if (child == 0) {
		together(use_ending);
		exit(ended); /* 0: they have not run yet */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static _Atomic bool enough;

static void *keep_busy(void *me)
{
	while (!enough) {
		(void)use_environment(me);
		if (can_map())
			(void)use_mappings(me);
	}
	return NULL;
}

static void forks(void **state)
{
	(void)state;
	pthread_t id;
	assert_int_equal(pthread_create(&id, NULL, keep_busy, NULL), 0);
	for (int i = 0; i < 20; i++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			(void)alarm(20); /* rather than for ever */
			void *p = can_map() ? pmig_mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
			_exit(p != MAP_FAILED && pmig_setenv("GUARD", "1", 1) == 0 ? 0 : 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	enough = true;
	assert_int_equal(pthread_join(id, NULL), 0);
}

/* A handler of the program may use what is guarded, and comes when nobody has it. */
static _Atomic int handled;

static void on_signal(int signal)
{
	(void)signal;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	MUST(pmig_declare_fd(fd, &value) == 0 && pmig_close(fd) == 0);
	handled++;
}

static void *interrupt(void *whom)
{
	for (int i = 0; i < ROUNDS; i++)
		(void)pthread_kill(*(pthread_t *)whom, SIGUSR1);
	return NULL;
}

static void handlers(void **state)
{
	(void)state;
	pthread_t id, me = pthread_self();
	(void)signal(SIGUSR1, on_signal);
	assert_int_equal(pthread_create(&id, NULL, interrupt, &me), 0);
	(void)use_declarations(NULL);
	assert_int_equal(pthread_join(id, NULL), 0);
	assert_true(handled > 0);
	assert_null(declare_first());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mappings),
		cmocka_unit_test(declarations),
		cmocka_unit_test(environment),
		cmocka_unit_test(texts),
		cmocka_unit_test(streams),
		cmocka_unit_test(ending),
		cmocka_unit_test(forks),
		cmocka_unit_test(handlers),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
