/* tally FILE LIMIT: counts up to LIMIT with the counter library, and checks that no number is missing or comes twice, whatever host it is on.
 * Says "ready" first, then each number in a line of its own. */
#include "counter.h"

#include <pmig/pmig.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int after(void *context, const struct pmig_news *news)
{
	(void)context;
	if (news->outcome == PMIG_RESTORED)
		printf("at %s: strategy %d, counter %s\n", news->to, (int)news->strategy, news->locator);
	return 0;
}

int main(int argc, char **argv)
{
	static void *handle; /* where the program keeps what the kind sets anew */
	if (argc != 3) {
		fprintf(stderr, "usage: tally FILE LIMIT\n");
		return 2;
	}
	long limit = strtol(argv[2], NULL, 10);
	struct counter *counter = calloc(1, sizeof *counter);
	if (counter == NULL || counter_open(counter, argv[1]) < 0) {
		fprintf(stderr, "tally: %s cannot be opened\n", argv[1]);
		return 1;
	}
	handle = counter;
	int r = pmig_declare_handle(&handle, "counter", argv[1],
		&(struct pmig_declaration){.name = "the tally",
			.binding = PMIG_BY_IDENTIFIER,
			.attachment = PMIG_UNATTACHED,
			.hooks = &(struct pmig_hooks){.after = after}});
	if (r < 0) {
		fprintf(stderr, "tally: %s\n", pmig_reason());
		return 1;
	}
	printf("ready\n");
	for (long n = 1; n <= limit; n++) {
		long got = counter_next(counter);
		if (got != n) {
			printf("wrong: %ld where %ld comes next\n", got, n);
			return 1;
		}
		printf("%ld\n", got);
		fflush(stdout);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pmig_safepoint();
	}
	printf("%ld %s\n", limit, counter_unit(counter));
	return 0;
}
