/* state: memory of every kind, random numbers, environment, what is to be done at the end, and what the process is. */
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <obstack.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <argz.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

static void memory(void)
{
	char *p = aligned_alloc(4096, 8192), *q = NULL, *r = memalign(64, 100), *text = NULL, *big = malloc(3u << 20);
	HOLDS(posix_memalign((void **)&q, 256, 1000) == 0 && (uintptr_t)p % 4096 == 0 && (uintptr_t)q % 256 == 0);
	memset(p, 1, 8192);
	memset(q, 2, 1000);
	memset(big, 3, 3u << 20);
	int *zero = calloc(1000, sizeof *zero);
	step();
	HOLDS(p[8191] == 1 && q[999] == 2 && big[(3u << 20) - 1] == 3 && zero[999] == 0 && malloc_usable_size(q) >= 1000);
	HOLDS((p = realloc(p, 100000)) != NULL && p[8191] == 1);
	HOLDS((big = realloc(big, 100)) != NULL && big[99] == 3);
	step();
	HOLDS(asprintf(&text, "%s and %d", "text", 5) == 10);
	char *twin = strdup(text), *part = strndup(text, 4), *where = realpath("/proc/self/../self/..", NULL);
	step();
	HOLDS(strcmp(twin, "text and 5") == 0 && strcmp(part, "text") == 0 && strcmp(where, "/proc") == 0);
	char *words = NULL;
	size_t size = 0;
	HOLDS(argz_create_sep("a:bb:ccc", ':', &words, &size) == 0 && argz_count(words, size) == 3);
	step();
	HOLDS(argz_add(&words, &size, "dddd") == 0 && argz_count(words, size) == 4);
	free(words);
	struct obstack stack;
	obstack_init(&stack);
	char *first = obstack_copy0(&stack, "first", 5);
	obstack_grow(&stack, "begun", 5);
	step();
	obstack_grow0(&stack, " and ended", 10);
	HOLDS(strcmp(obstack_finish(&stack), "begun and ended") == 0 && strcmp(first, "first") == 0);
	for (int i = 0; i < 1000; i++)
		(void)obstack_alloc(&stack, 100);
	step();
	obstack_free(&stack, NULL);
	free(p), free(q), free(r), free(text), free(big), free(zero), free(twin), free(part), free(where);
}

static void numbers(void)
{
	static char space[256], other[64];
	struct random_data data = {0};
	struct drand48_data more = {{0}, {0}, 0, 0, 0};
	unsigned seed = 5;
	unsigned short x[3] = {1, 2, 3};
	int32_t n;
	double d;
	srand(7);
	srand48(8);
	HOLDS(initstate_r(9, space, sizeof space, &data) == 0 && srand48_r(10, &more) == 0);
	for (int i = 0; i < 12; i++) {
		HOLDS(random_r(&data, &n) == 0 && drand48_r(&more, &d) == 0);
		printf("%d %ld %g %ld %ld %d %d %g %g\n", rand(), random(), drand48(), lrand48(), mrand48(), rand_r(&seed),
			n, d, erand48(x));
		if (i % 3 == 1)
			step();
	}
	char *before = initstate(3, other, sizeof other);
	printf("%ld\n", random());
	step();
	printf("%ld\n", random());
	HOLDS(setstate(before) == other);
	step();
	printf("%ld\n", random());
}

static void environment(void)
{
	HOLDS(setenv("PMIG_TEST_ONE", "1", 1) == 0);
	const char *one = getenv("PMIG_TEST_ONE");
	static char put[] = "PMIG_TEST_TWO=2";
	HOLDS(putenv(put) == 0);
	step();
	HOLDS(strcmp(getenv("PMIG_TEST_ONE"), "1") == 0 && strcmp(one, "1") == 0);
	put[14] = '3';
	step();
	HOLDS(strcmp(getenv("PMIG_TEST_TWO"), "3") == 0);
	HOLDS(unsetenv("PMIG_TEST_ONE") == 0 && setenv("PMIG_TEST_TWO", "4", 0) == 0);
	step();
	HOLDS(getenv("PMIG_TEST_ONE") == NULL && strcmp(getenv("PMIG_TEST_TWO"), "3") == 0);
	HOLDS(clearenv() == 0);
	step();
	HOLDS(getenv("PATH") == NULL && setenv("A", "b", 1) == 0 && environ[1] == NULL);
	step();
	HOLDS(strcmp(getenv("A"), "b") == 0);
}

static void first(void)
{
	puts("done last");
}

static void second(void)
{
	step();
	puts("done first");
}

static void with_status(int status, void *word)
{
	step();
	printf("status %d %s\n", status, (char *)word);
}

static void process(void)
{
	struct rlimit limit;
	char name[16] = "";
	(void)umask(027);
	(void)setlogmask(LOG_UPTO(LOG_ERR));
	HOLDS(getrlimit(RLIMIT_STACK, &limit) == 0);
	limit.rlim_cur = 4u << 20;
	HOLDS(setrlimit(RLIMIT_STACK, &limit) == 0);
	errno = 0;
	HOLDS(nice(3) != -1 || errno == 0);
	int niceness = getpriority(PRIO_PROCESS, 0);
	HOLDS(prctl(PR_SET_NAME, "renamed") == 0 && prctl(PR_SET_TIMERSLACK, 12345ul) == 0);
	step();
	HOLDS(umask(022) == 027 && setlogmask(0) == LOG_UPTO(LOG_ERR));
	HOLDS(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == 4u << 20);
	HOLDS(getpriority(PRIO_PROCESS, 0) == niceness);
	HOLDS(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "renamed") == 0 && prctl(PR_GET_TIMERSLACK) == 12345);
}

static void place(void)
{
	char path[PATH_MAX], here[PATH_MAX];
	snprintf(path, sizeof path, "%.100s/state-%d", step_place, (int)getpid());
	HOLDS(mkdir(path, 0700) == 0 && chdir(path) == 0);
	step();
	HOLDS(getcwd(here, sizeof here) != NULL && strcmp(here, path) == 0);
	HOLDS(chdir("/") == 0 && rmdir(path) == 0);
}

int main(int argc, char **argv)
{
	step_start(argc, argv);
	HOLDS(atexit(first) == 0 && on_exit(with_status, "three") == 0 && atexit(second) == 0);
	memory();
	numbers();
	environment();
	process();
	place();
	exit(3);
}
