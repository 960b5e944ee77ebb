/* declare RUNS: what registering and closing a resource costs a program that runs under pmig: in each run 4096 descriptors, of which 256 are
 * open at a time. Prints for each run, in nanoseconds of processor time for one of them: registering, with the safe point that tells the agent of
 * all; closing, beyond what close() takes, with its safe point; registering and closing with no safe point between. */
#include <pmig/pmig.h>

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define AT_A_TIME 256
#define ROUNDS 16

static int fds[AT_A_TIME];

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void open_all(void)
{
	for (int i = 0; i < AT_A_TIME; i++)
		if ((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
			exit(1);
}

static void declare_all(void)
{
	static const struct pmig_declaration d = {
		.name = "one of many", .binding = PMIG_BY_TYPE, .attachment = PMIG_FIXED, .type = "null"};
	for (int i = 0; i < AT_A_TIME; i++)
		if (pmig_declare_fd(fds[i], &d) < 0)
			exit(1);
}

static void close_all(void)
{
	for (int i = 0; i < AT_A_TIME; i++)
		close(fds[i]);
}

int main(int argc, char **argv)
{
	int runs = argc > 1 ? atoi(argv[1]) : 5;
	for (int run = 0; run < runs; run++) {
		double plain = 0, declaring = 0, closing = 0, both = 0;
		for (int round = 0; round < ROUNDS; round++) {
			open_all();
			double begin = now();
			close_all();
			plain += now() - begin;
			open_all();
			begin = now();
			declare_all();
			pmig_safepoint();
			declaring += now() - begin;
			begin = now();
			close_all();
			pmig_safepoint();
			closing += now() - begin;
			open_all();
			begin = now();
			declare_all();
			close_all();
			pmig_safepoint();
			both += now() - begin;
		}
		double n = (double)AT_A_TIME * ROUNDS;
		printf("%.0f %.0f %.0f\n", declaring / n, (closing - plain) / n, (both - plain) / n);
	}
	return 0;
}
