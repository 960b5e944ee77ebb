/* test_image_write: the bytes of the format, pipes, failures and secrets. */
#include "image_case.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

/* --- golden bytes --- */

/* Hex bytes, "xx*count" for repeated ones, # to the end of the line is a comment. */
static size_t read_golden(const char *path, uint8_t *bytes, size_t capacity)
{
	FILE *f = fopen(path, "re");
	if (f == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	char line[512];
	size_t n = 0;
	while (fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "#\n")] = '\0';
		for (char *save, *word = strtok_r(line, " \t", &save); word != NULL; word = strtok_r(NULL, " \t", &save)) {
			unsigned value;
			size_t count = 1;
			assert_true(sscanf(word, "%2x*%zu", &value, &count) >= 1);
			assert_true(count <= capacity - n);
			memset(bytes + n, (int)value, count);
			n += count;
		}
	}
	(void)fclose(f);
	return n;
}

static void writes_the_golden_bytes(void **state)
{
	(void)state;
	static uint8_t want[1 << 16], got[1 << 16];
	size_t size = read_golden(PMIG_SOURCE_DIR "/tests/golden/image-1.txt", want, sizeof want);
	int fd = case_image();
	assert_int_equal(pread(fd, got, sizeof got, 0), size);
	for (size_t i = 0; i < size; i++)
		if (got[i] != want[i])
			fail_msg("byte 0x%zx is %02x, golden %02x", i, got[i], want[i]);
	(void)close(fd);
}

static void reads_the_golden_bytes(void **state)
{
	(void)state;
	static uint8_t bytes[1 << 16];
	size_t size = read_golden(PMIG_SOURCE_DIR "/tests/golden/image-1.txt", bytes, sizeof bytes);
	int fd = case_file();
	assert_int_equal(write(fd, bytes, size), size);
	struct image *im;
	struct image_entry e;
	case_good(image_open(fd, "golden", &im));
	case_good(image_verify(im));
	assert_int_equal(image_count(im), 5);
	assert_string_equal(image_identity(im)->name, "queens");
	case_good(image_get(im, IMAGE_PROGRAM, 0, &e));
	assert_memory_equal(e.data, "hello", 5);
	image_close(im);
	(void)close(fd);
}

/* --- where it goes --- */

static void *drain(void *arg)
{
	int *ends = arg;
	uint8_t buffer[1000];
	for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
		assert_int_equal(write(ends[1], buffer, (size_t)n), n);
	return NULL;
}

static void writes_the_same_to_a_pipe(void **state)
{
	(void)state;
	int pipe_ends[2], fd = case_image(), copy = case_file();
	pthread_t thread;
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	/* the writer's end does not block, as a socket of the runtime's may not */
	assert_int_equal(fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK), 0);
	assert_true(fcntl(pipe_ends[1], F_SETPIPE_SZ, 4096) >= 0);
	int drained[2] = {pipe_ends[0], copy};
	assert_int_equal(pthread_create(&thread, NULL, drain, drained), 0);
	case_fill();
	uint64_t size = case_write(pipe_ends[1]);
	case_unmap(CASE_PAGES + 1);
	(void)close(pipe_ends[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(lseek(copy, 0, SEEK_END), size);
	uint8_t *a = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0), *b = mmap(NULL, size, PROT_READ, MAP_SHARED, copy, 0);
	assert_memory_equal(a, b, size);
	(void)munmap(a, size);
	(void)munmap(b, size);
	(void)close(fd);
	(void)close(copy);
	(void)close(pipe_ends[0]);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals = signals + 1;
}

static void a_reader_that_goes_away_is_an_error_only(void **state)
{
	(void)state;
	int ends[2];
	struct sigaction old, ours = {.sa_handler = count_signal};
	assert_int_equal(sigaction(SIGPIPE, &ours, &old), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	struct image_identity id = case_identity();
	struct image_writer *w;
	case_good(image_writer_create(ends[1], &id, &w));
	(void)close(ends[0]);
	assert_int_equal(image_put(w, IMAGE_CLOCKS, 1, "x", 1), PMIG_EIO);
	assert_string_equal(pmig_reason(), "image: write at offset 512: Broken pipe");
	assert_int_equal(image_put(w, IMAGE_CLOCKS, 1, "x", 1), PMIG_EIO);
	assert_int_equal(image_finish(w, NULL), PMIG_EIO);
	image_writer_destroy(w);
	assert_int_equal(signals, 0);
	(void)raise(SIGPIPE);
	assert_int_equal(signals, 1);
	assert_int_equal(sigaction(SIGPIPE, &old, NULL), 0);
	(void)close(ends[1]);
}

static void a_full_disk_is_an_error_only(void **state)
{
	(void)state;
	char path[] = "/tmp/image-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	struct rlimit old, low = {.rlim_cur = 10000};
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low.rlim_max = old.rlim_max;
	struct image_identity id = case_identity();
	struct image_writer *w;
	case_fill();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	case_good(image_writer_create(fd, &id, &w));
	int r = image_put_memory(w, &case_memory, 1, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(r, PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "the image would be larger than a file may be here"));
	assert_int_equal(image_finish(w, NULL), PMIG_EREFUSED);
	image_writer_destroy(w);
	case_unmap(CASE_PAGES + 1);
	struct image *im;
	assert_int_equal(image_open(fd, "half", &im), PMIG_ECORRUPT);
	(void)close(fd);
}

/* --- what may be written --- */

static void refuses_wrong_calls(void **state)
{
	(void)state;
	static const struct {
		enum image_section type;
		unsigned version;
	} wrong[] = {{IMAGE_END, 1}, {IMAGE_MEMORY, 1}, {IMAGE_GLOBALS, 1}, {IMAGE_GLOBAL_PAGES, 1}, {0, 1}, {99, 1},
		{IMAGE_FRAMES, 0}};
	struct image_identity id = case_identity();
	struct image_writer *w;
	int fd = case_file();
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		case_good(image_writer_create(fd, &id, &w));
		assert_int_equal(image_put(w, wrong[i].type, wrong[i].version, "x", 1), PMIG_EINVAL);
		image_writer_destroy(w);
	}
	case_good(image_writer_create(fd, &id, &w));
	case_good(image_put(w, IMAGE_CLOCKS, 1, "x", 1));
	assert_int_equal(image_put(w, IMAGE_CLOCKS, 1, "x", 1), PMIG_EINVAL);
	image_writer_destroy(w);
	case_good(image_writer_create(fd, &id, &w));
	case_good(image_finish(w, NULL));
	assert_int_equal(image_put(w, IMAGE_CLOCKS, 1, "x", 1), PMIG_EINVAL);
	assert_int_equal(image_finish(w, NULL), PMIG_EINVAL);
	image_writer_destroy(w);
	id.page_size *= 2;
	assert_int_equal(image_writer_create(fd, &id, &w), PMIG_EINVAL);
	(void)close(fd);
}

/* --- globals --- */

#define GLOBALS 1000
static uint8_t global_bytes[GLOBALS * 600];

/* Many small ones and one that is larger than a chunk, so that chunks begin within a global and within a run of them. */
static void many_globals_come_back(void **state)
{
	(void)state;
	static uint8_t large[3 * IMAGE_CHUNK + 17], before[sizeof global_bytes];
	static struct image_range ranges[GLOBALS + 1];
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (uint8_t)(i >> 8 ^ i);
	for (size_t i = 0; i < sizeof global_bytes; i++)
		global_bytes[i] = (uint8_t)(i >> 7 ^ i);
	for (size_t i = 0; i < GLOBALS; i++)
		ranges[i + (i >= GLOBALS / 2)] = (struct image_range){(uintptr_t)global_bytes + i * 600, i % 600};
	ranges[GLOBALS / 2] = (struct image_range){(uintptr_t)large, sizeof large};
	memcpy(before, global_bytes, sizeof before);

	struct image_identity id = case_identity();
	struct image_writer *w;
	struct image *im;
	int fd = case_file();
	case_good(image_writer_create(fd, &id, &w));
	case_good(image_put_globals(w, ranges, GLOBALS + 1));
	case_good(image_finish(w, NULL));
	image_writer_destroy(w);
	memset(global_bytes, 0xff, sizeof global_bytes);
	memset(large, 0xff, sizeof large);
	case_good(image_open(fd, "globals", &im));
	case_good(image_verify(im));
	case_good(image_restore_globals(im, ranges, GLOBALS + 1));
	image_close(im);
	for (size_t i = 0; i < sizeof large; i++)
		assert_int_equal(large[i], (uint8_t)(i >> 8 ^ i));
	for (size_t i = 0; i < sizeof before; i++)
		assert_int_equal(global_bytes[i], i % 600 < i / 600 % 600 ? before[i] : 0xff);
	(void)close(fd);
}

/* A large sparse one that begins and ends within a page, and one that was initialised and is zero now. */
static uint8_t sparse[64u << 20] = "";
static uint8_t initialised[4u << 20] = {1, 2, 3};

static void large_globals_are_sparse(void **state)
{
	(void)state;
	const struct image_range ranges[] = {
		{(uintptr_t)sparse + 100, sizeof sparse - 300},
		{(uintptr_t)initialised, sizeof initialised},
		{(uintptr_t)global_bytes, 10},
	};
	const size_t touched[] = {100, 5000, 30u << 20, (30u << 20) + 1, sizeof sparse - 201};
	for (size_t i = 0; i < sizeof touched / sizeof *touched; i++)
		sparse[touched[i]] = (uint8_t)(i + 1);
	memset(initialised, 0, sizeof initialised);
	memset(global_bytes, 9, sizeof global_bytes);
	struct image_identity id = case_identity();
	struct image_writer *w;
	struct image *im;
	int fd = case_file();
	uint64_t size;
	case_good(image_writer_create(fd, &id, &w));
	case_good(image_put_globals(w, ranges, 3));
	case_good(image_finish(w, &size));
	image_writer_destroy(w);
	assert_true(size < 64u << 10);

	sparse[99] = sparse[sizeof sparse - 200] = 0xaa; /* neighbours */
	for (size_t i = 0; i < sizeof touched / sizeof *touched; i++)
		sparse[touched[i]] = 0xff;
	memset(initialised, 0xff, sizeof initialised);
	memset(sparse + (10u << 20), 0xff, 1u << 20);
	case_good(image_open(fd, "large", &im));
	case_good(image_verify(im));
	assert_int_equal(image_restore_globals(im, ranges, 2), PMIG_EIDENTITY);
	assert_int_equal(initialised[0], 0xff);
	case_good(image_restore_globals(im, ranges, 3));
	image_close(im);
	size_t k = 0;
	for (size_t i = 100; i < sizeof sparse - 200; i++) {
		bool hit = k < sizeof touched / sizeof *touched && i == touched[k];
		if (sparse[i] != (hit ? ++k : 0))
			fail_msg("byte %zu is %u", i, sparse[i]);
	}
	assert_int_equal(sparse[99], 0xaa);
	assert_int_equal(sparse[sizeof sparse - 200], 0xaa);
	for (size_t i = 0; i < sizeof initialised; i++)
		assert_int_equal(initialised[i], 0);
	assert_int_equal(global_bytes[9], 9);
	(void)close(fd);
}

/* --- secrets --- */

static void secrets_stay_behind(void **state)
{
	(void)state;
	static const char password[] = "correct horse battery staple";
	static char global[64];
	const size_t pages = 200;
	uint8_t *arena = case_map(pages);
	memset(arena, 0x55, pages * CASE_PAGE);
	/* over a page boundary, over a chunk boundary, and in a global */
	uint8_t *at[2] = {arena + 7 * CASE_PAGE - 10, arena + IMAGE_CHUNK - 10};
	struct image_range secrets[3], all = {(uintptr_t)arena, pages * CASE_PAGE},
				       globals = {(uintptr_t)global, sizeof global};
	for (size_t i = 0; i < 2; i++) {
		memcpy(at[i], password, sizeof password);
		secrets[i] = (struct image_range){(uintptr_t)at[i], sizeof password};
	}
	memcpy(global + 5, password, sizeof password);
	secrets[2] = (struct image_range){(uintptr_t)global + 5, sizeof password};

	struct image_identity id = case_identity();
	struct image_writer *w;
	struct image *im;
	int fd = case_file();
	case_good(image_writer_create(fd, &id, &w));
	image_omit(w, secrets, 3);
	case_good(image_put_memory(w, &all, 1, 0));
	case_good(image_put_globals(w, &globals, 1));
	uint64_t size;
	case_good(image_finish(w, &size));
	image_writer_destroy(w);
	assert_memory_equal(at[0], password, sizeof password);
	case_unmap(pages);

	char *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	assert_null(memmem(bytes, size, password, 8));
	assert_null(memmem(bytes, size, password + sizeof password - 9, 8));
	(void)munmap(bytes, size);
	arena = case_map(pages);
	case_good(image_open(fd, "secret", &im));
	case_good(image_verify(im));
	case_good(image_map_memory(im, &all, 1));
	image_close(im);
	for (size_t i = 0; i < pages * CASE_PAGE; i++) {
		bool secret = (size_t)(arena + i - at[0]) < sizeof password || (size_t)(arena + i - at[1]) < sizeof password;
		assert_int_equal(arena[i], secret ? 0 : 0x55);
	}
	case_unmap(pages);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_golden_bytes),
		cmocka_unit_test(reads_the_golden_bytes),
		cmocka_unit_test(writes_the_same_to_a_pipe),
		cmocka_unit_test(a_reader_that_goes_away_is_an_error_only),
		cmocka_unit_test(a_full_disk_is_an_error_only),
		cmocka_unit_test(refuses_wrong_calls),
		cmocka_unit_test(many_globals_come_back),
		cmocka_unit_test(large_globals_are_sparse),
		cmocka_unit_test(secrets_stay_behind),
	};
	return cmocka_run_group_tests_name("image_write", tests, NULL, NULL);
}
