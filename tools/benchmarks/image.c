/* image: what a checkpoint of a full arena costs against write() of the same bytes, and what coming back costs.
 *
 * usage: image [MIB [RUNS [DIRECTORY]]]; defaults 1024 5 /dev/shm. */
#include "figure.h"
#include "runtime/image/image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENA ((uint8_t *)0x7e9000000000)
#define RESTART_BOUND 0.05

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
	double begin = figure_now();
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, ARENA + done, size - done < IMAGE_CHUNK ? size - done : IMAGE_CHUNK);
		if (n < 0) {
			perror("write");
			exit(1);
		}
		done += (size_t)n;
	}
	double took = figure_now() - begin;
	(void)close(fd);
	return took;
}

static double write_image(int fd, size_t size, uint64_t *ret_bytes)
{
	struct image_identity id;
	struct image_writer *w;
	const struct image_range all = {(uintptr_t)ARENA, size};
	image_identity_init(&id);
	double begin = figure_now();
	figure_must(image_writer_create(fd, &id, &w));
	figure_must(image_put_memory(w, &all, 1, 0));
	figure_must(image_finish(w, ret_bytes));
	image_writer_destroy(w);
	return figure_now() - begin;
}

/* From the open file to the first word of memory, as pmig restart does when the agent has verified the image. */
static double restart(int fd, size_t size)
{
	const struct image_range all = {(uintptr_t)ARENA, size};
	struct image *im;
	map_arena(size);
	double begin = figure_now();
	figure_must(image_open(fd, "bench", &im));
	image_trust(im);
	figure_must(image_map_memory(im, &all, 1));
	image_close(im);
	if (*(volatile uint64_t *)ARENA == 0)
		exit(1);
	double took = figure_now() - begin;
	(void)munmap(ARENA, size);
	return took;
}

static double verify(int fd)
{
	struct image *im;
	figure_must(image_open(fd, "bench", &im));
	double begin = figure_now();
	figure_must(image_verify(im));
	double took = figure_now() - begin;
	image_close(im);
	return took;
}

static void fill(size_t size)
{
	map_arena(size);
	for (uint64_t i = 0, x = 88172645463325252u; i < size / 8; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17; /* xorshift: Marsaglia, 2003 */
		((uint64_t *)ARENA)[i] = x;
	}
}

static void measure(const char *directory, size_t size, size_t runs)
{
	double plain[FIGURE_RUNS_MAX], stop[FIGURE_RUNS_MAX], check[FIGURE_RUNS_MAX], back[FIGURE_RUNS_MAX];
	uint64_t bytes = 0;
	int last = -1;
	fill(size);
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
	double written = (double)bytes;
	figure_pairs(&(struct figure){.name = "image-stop", .goal = 1.2, .unit = "s"}, stop, plain, runs);
	figure_bound(&(struct figure){.name = "image-size", .goal = 1.02, .unit = "byte"}, &written, 1, (double)size);
	figure_bound(&(struct figure){.name = "image-restart", .goal = 1, .unit = "s"}, back, runs, RESTART_BOUND);
	figure_pairs(&(struct figure){.name = "image-verify", .goal = 1, .unit = "s"}, check, plain, runs);
}

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) << 20;
	if (size == 0) {
		(void)fprintf(stderr, "usage: image [MIB [RUNS [DIRECTORY]]]\n");
		return 2;
	}
	measure(argc > 3 ? argv[3] : "/dev/shm", size, figure_runs(argc > 2 ? argv[2] : NULL, 5));
	return 0;
}
