/* pointers: the search for pointers that leave the arena, against reading the same bytes once (memory bandwidth, as a loop of the same
 * compiler has it). The bytes are what a heap holds: pointers into the arena, small numbers, doubles, text.
 *
 * usage: pointers [RUNS]; 512 MiB, 9 runs. */
#include "figure.h"

#include "arena/arena.h"
#include "outside_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BYTES (512u << 20)

static uint64_t *words;
static size_t n;

static void fill(void)
{
	uint64_t r = 88172645463325252ull;
	for (size_t i = 0; i < n; i++) {
		r ^= r << 13, r ^= r >> 7, r ^= r << 17;
		double d = (double)r;
		switch (i / 8 % 4) {
		case 0:
			words[i] = ARENA_BASE + ARENA_HEAP + r % (1u << 30);
			break;
		case 1:
			words[i] = r % 100000;
			break;
		case 2:
			memcpy(&words[i], &d, sizeof d);
			break;
		default:
			memcpy(&words[i], "some text", 8);
			break;
		}
	}
}

static int never(void *context, const struct escape *e)
{
	(void)e;
	++*(size_t *)context;
	return 0;
}

static double search(const struct outside_memory *m)
{
	size_t found = 0;
	double begin = figure_now();
	figure_must(escape_find(&(struct escape_range){words, n * sizeof *words}, 1,
		&(struct escape_options){.target = &m->target, .max = SIZE_MAX}, never, &found));
	double took = figure_now() - begin;
	if (found != 0) {
		fprintf(stderr, "%zu of the words point somewhere\n", found);
		exit(1);
	}
	return took;
}

static double read_once(uint64_t *ret_sum)
{
	uint64_t sum = 0;
	double begin = figure_now();
	for (size_t i = 0; i < n; i++)
		sum += words[i];
	*ret_sum ^= sum;
	return figure_now() - begin;
}

int main(int argc, char **argv)
{
	size_t runs = figure_runs(argc > 1 ? argv[1] : NULL, 9);
	double searched[FIGURE_RUNS_MAX], read[FIGURE_RUNS_MAX];
	struct outside_memory m;
	uint64_t sum = 0;
	n = BYTES / sizeof *words;
	words = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (words == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	fill();
	figure_must(outside_memory_read(&m));
	for (size_t i = 0; i < runs; i++) {
		searched[i] = search(&m);
		read[i] = read_once(&sum);
	}
	figure_pairs(&(struct figure){.name = "pointers", .goal = 1.5, .unit = "s"}, searched, read, runs);
	outside_memory_finish(&m);
	return sum == 1;
}
