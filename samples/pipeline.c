/* pipeline: threads hand numbers on through pipes; moves with what is in the pipes.
 *
 *   pmig-cc -O2 pipeline.c -o pipeline -pthread
 *   pmig run -- ./pipeline            (in one terminal)
 *   pmig move pipeline HOST           (in another, as often as you like)
 *   pmig kill pipeline                (it lets the pipes run empty)
 *
 *   pipeline [COUNT [PAUSE]]          so many numbers (0: until asked to end), with a pause of milliseconds now and then
 *
 * The last thread checks that every number came, in order, and through every stage. */
#include <pmig/pmig.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAGES 4
#define BLOCK 512 /* numbers that are written at once, at most */
#define REPORT 1000000

static int ends[STAGES + 1][2]; /* a pipe before each stage, and one before the last thread */
static unsigned long most;      /* numbers; 0: until asked to end */
static unsigned pause_ms;
static unsigned long sent, received;
static volatile sig_atomic_t asked_to_end;

static void ask_to_end(int signal)
{
	(void)signal;
	asked_to_end = 1;
}

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static void write_all(int fd, const void *bytes, size_t size)
{
	for (const char *p = bytes; size > 0;) {
		ssize_t n = write(fd, p, size);
		if (n < 0)
			fail("write");
		p += n;
		size -= (size_t)n;
	}
}

/* As many whole numbers as there are, at least one; 0 at the end. A block may come in pieces. */
static size_t read_some(int fd, unsigned long *numbers, size_t count)
{
	size_t have = 0;
	do {
		ssize_t n = read(fd, (char *)numbers + have, count * sizeof *numbers - have);
		if (n < 0)
			fail("read");
		if (n == 0)
			break;
		have += (size_t)n;
	} while (have % sizeof *numbers != 0);
	return have / sizeof *numbers;
}

static unsigned long at_stage(unsigned long number, int stage)
{
	return number * 3 + (unsigned long)stage;
}

static void *begin(void *unused)
{
	(void)unused;
	unsigned long numbers[BLOCK];
	while ((most == 0 || sent < most) && !asked_to_end) {
		size_t n = 1 + sent % BLOCK;
		if (most != 0 && n > most - sent)
			n = most - sent;
		for (size_t i = 0; i < n; i++)
			numbers[i] = sent++;
		write_all(ends[0][1], numbers, n * sizeof *numbers);
		if (pause_ms != 0 && sent % (REPORT / 8) < n)
			usleep(pause_ms * 1000);
	}
	close(ends[0][1]);
	return NULL;
}

static void *hand_on(void *argument)
{
	int stage = (int)(long)argument;
	unsigned long numbers[BLOCK];
	for (size_t n; (n = read_some(ends[stage][0], numbers, BLOCK)) > 0;) {
		for (size_t i = 0; i < n; i++)
			numbers[i] = at_stage(numbers[i], stage);
		write_all(ends[stage + 1][1], numbers, n * sizeof *numbers);
	}
	close(ends[stage][0]);
	close(ends[stage + 1][1]);
	return NULL;
}

/* Returns how many numbers are not what they should be. */
static void *finish(void *unused)
{
	(void)unused;
	unsigned long numbers[BLOCK], wrong = 0;
	for (size_t n; (n = read_some(ends[STAGES][0], numbers, BLOCK)) > 0;)
		for (size_t i = 0; i < n; i++) {
			unsigned long want = received++;
			for (int stage = 0; stage < STAGES; stage++)
				want = at_stage(want, stage);
			wrong += numbers[i] != want;
			if (received % REPORT == 0) {
				printf("%lu numbers, %lu wrong\n", received, wrong);
				fflush(stdout);
			}
		}
	close(ends[STAGES][0]);
	return (void *)wrong;
}

int main(int argc, char **argv)
{
	pthread_t threads[STAGES + 2];
	void *wrong;
	most = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	pause_ms = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	signal(SIGTERM, ask_to_end);
	for (int i = 0; i <= STAGES; i++)
		if (pipe(ends[i]) != 0)
			fail("pipe");
	int e = pthread_create(&threads[STAGES], NULL, begin, NULL);
	for (int i = 0; i < STAGES && e == 0; i++)
		e = pthread_create(&threads[i], NULL, hand_on, (void *)(long)i);
	if (e == 0)
		e = pthread_create(&threads[STAGES + 1], NULL, finish, NULL);
	if (e != 0) {
		fprintf(stderr, "pthread_create: %s\n", strerror(e));
		return 2;
	}
	for (int i = 0; i < STAGES + 2; i++)
		pthread_join(threads[i], &wrong);
	int right = wrong == NULL && sent == received;
	printf("%lu numbers through %d stages: %s\n", received, STAGES, right ? "all in order" : "WRONG");
	return right ? 0 : 1;
}
