/* threads: what libc keeps for each thread: its locale, its errno, streams it has locked. */
#include "step.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#define TURNS 10

static pthread_barrier_t turn;
static FILE *shared;

static void *speaks_utf8(void *argument)
{
	locale_t mine = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	HOLDS(mine != NULL && uselocale(mine) == LC_GLOBAL_LOCALE);
	errno = ERANGE;
	pmig_safepoint();
	HOLDS(errno == ERANGE);
	for (int i = 0; i < TURNS; i++) {
		(void)pthread_barrier_wait(&turn);
		HOLDS(MB_CUR_MAX == 6 && iswalpha(0xe4) && uselocale(NULL) == mine);
		flockfile(shared);
		fprintf(shared, "second %d\n", i);
		pmig_safepoint();
		funlockfile(shared);
	}
	HOLDS(uselocale(LC_GLOBAL_LOCALE) == mine);
	freelocale(mine);
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t other;
	void *result;
	char *text = NULL;
	size_t size = 0;
	step_start(argc, argv);
	shared = open_memstream(&text, &size);
	HOLDS(pthread_barrier_init(&turn, NULL, 2) == 0 && pthread_create(&other, NULL, speaks_utf8, &turn) == 0);
	for (int i = 0; i < TURNS; i++) {
		step();
		(void)pthread_barrier_wait(&turn);
		HOLDS(MB_CUR_MAX == 1 && !iswalpha(0xe4) && uselocale(NULL) == LC_GLOBAL_LOCALE);
		flockfile(shared);
		fprintf(shared, "first %d\n", i);
		step();
		funlockfile(shared);
	}
	HOLDS(pthread_join(other, &result) == 0 && result == &turn);
	step();
	HOLDS(fclose(shared) == 0 && size == TURNS * strlen("first 0\n") + TURNS * strlen("second 0\n"));
	puts("done");
	return 0;
}
