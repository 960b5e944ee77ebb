/* image: what a checkpoint of a full arena costs against write() of the same bytes, and what coming back costs.
 *
 * usage: image [MIB [RUNS [DIRECTORY]]]; defaults 1024 5 /dev/shm. One JSON object per figure; pairs are interleaved,
 * ratios are of medians. */
#include "runtime/image/image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ARENA ((uint8_t *)0x7e9000000000)
#define RUNS_MAX 101

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int code)
{
	if (code >= 0)
		return;
	(void)fprintf(stderr, "bench image: %s\n", pmig_reason());
	exit(1);
}

static int new_file(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		perror(directory);
		exit(1);
	}
	return fd;
}

static void map_arena(size_t size)
{
	if (mmap(ARENA, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
		    0) != ARENA) {
		perror("mmap");
		exit(1);
	}
}

/* In the pieces that the image is written in: what is compared is the work, not the size of a call. */
static double plain_write(const char *directory, size_t size)
{
	int fd = new_file(directory);
	double begin = now();
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, ARENA + done, size - done < IMAGE_CHUNK ? size - done : IMAGE_CHUNK);
		if (n < 0) {
			perror("write");
			exit(1);
		}
		done += (size_t)n;
	}
	double took = now() - begin;
	(void)close(fd);
	return took;
}

static double write_image(int fd, size_t size, uint64_t *ret_bytes)
{
	struct image_identity id;
	struct image_writer *w;
	const struct image_range all = {(uintptr_t)ARENA, size};
	image_identity_init(&id);
	double begin = now();
	must(image_writer_create(fd, &id, &w));
	must(image_put_memory(w, &all, 1, 0));
	must(image_finish(w, ret_bytes));
	image_writer_destroy(w);
	return now() - begin;
}

/* From the open file to the first word of memory, as pmig restart does when the agent has verified the image. */
static double restart(int fd, size_t size)
{
	const struct image_range all = {(uintptr_t)ARENA, size};
	struct image *im;
	map_arena(size);
	double begin = now();
	must(image_open(fd, "bench", &im));
	image_trust(im);
	must(image_map_memory(im, &all, 1));
	image_close(im);
	if (*(volatile uint64_t *)ARENA == 0)
		exit(1);
	double took = now() - begin;
	(void)munmap(ARENA, size);
	return took;
}

static double verify(int fd)
{
	struct image *im;
	must(image_open(fd, "bench", &im));
	double begin = now();
	must(image_verify(im));
	double took = now() - begin;
	image_close(im);
	return took;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof *values, by_value);
	return values[n / 2];
}

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) << 20;
	size_t runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
	const char *directory = argc > 3 ? argv[3] : "/dev/shm";
	if (size == 0 || runs == 0 || runs > RUNS_MAX) {
		(void)fprintf(stderr, "usage: image [MIB [RUNS [DIRECTORY]]], at most %d runs\n", RUNS_MAX);
		return 2;
	}
	double plain[RUNS_MAX], stop[RUNS_MAX], check[RUNS_MAX], back[RUNS_MAX];
	uint64_t bytes = 0;
	int last = -1;
	map_arena(size);
	for (uint64_t i = 0, x = 88172645463325252u; i < size / 8; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17; /* xorshift: Marsaglia, 2003 */
		((uint64_t *)ARENA)[i] = x;
	}
	/* Each begins where the one before has given its pages back: new ones cost more, on virtual machines many times. */
	(void)plain_write(directory, size);
	for (size_t i = 0; i < runs; i++) {
		plain[i] = plain_write(directory, size);
		last = new_file(directory);
		stop[i] = write_image(last, size, &bytes);
		if (i + 1 < runs)
			(void)close(last);
	}
	(void)munmap(ARENA, size);
	for (size_t i = 0; i < runs; i++) {
		check[i] = verify(last);
		back[i] = restart(last, size);
	}
	double base = median(plain, runs), stopped = median(stop, runs), restarted = median(back, runs);
	printf("{\"name\": \"image-stop\", \"ratio\": %.3f, \"goal\": 1.2, \"runs\": %zu, \"seconds\": %.4f, \"write\": %.4f}\n",
		stopped / base, runs, stopped, base);
	printf("{\"name\": \"image-size\", \"ratio\": %.5f, \"goal\": 1.02, \"runs\": 1, \"bytes\": %llu}\n",
		(double)bytes / (double)size, (unsigned long long)bytes);
	printf("{\"name\": \"image-restart\", \"ratio\": %.6f, \"goal\": 1, \"runs\": %zu, \"seconds\": %.6f, \"of\": 0.05}\n",
		restarted / 0.05, runs, restarted);
	double verified = median(check, runs);
	printf("{\"name\": \"image-verify\", \"ratio\": %.3f, \"goal\": 1, \"runs\": %zu, \"seconds\": %.4f, \"write\": %.4f}\n",
		verified / base, runs, verified, base);
	return 0;
}
