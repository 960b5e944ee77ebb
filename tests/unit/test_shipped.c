/* shipped: content that was found or sent before the freeze is taken only where it is still that content. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above it */
#include <cmocka.h>

#include "runtime/base/error.h"
#include "runtime/kind/shipped.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void only_that_content_is_taken(void **state)
{
	(void)state;
	char path[] = "/tmp/pmig-shipped-XXXXXX", hash[33];
	struct left_hash h = left_hash("content", 7), found;
	const void *data = NULL;
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, "content", 7) == 7);
	(void)snprintf(hash, sizeof hash, "%016llx%016llx", (unsigned long long)h.high, (unsigned long long)h.low);
	assert_true(shipped_is(fd, 7, hash, &found));
	assert_int_equal(shipped_map(path, 7, hash, &data), 0);
	assert_memory_equal(data, "content", 7);
	assert_int_equal(munmap((void *)data, 7), 0);
	data = NULL;

	static const struct {
		const char *text;
		uint64_t size;
	} changed[] = {{"Content", 7}, {"content and more", 7}, {"cont", 7}};
	for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
		size_t n = strlen(changed[i].text);
		assert_true(ftruncate(fd, 0) == 0 && pwrite(fd, changed[i].text, n, 0) == (ssize_t)n);
		assert_int_equal(shipped_map(path, changed[i].size, hash, &data), PMIG_EREFUSED);
		assert_non_null(strstr(pmig_reason(), "has not the content any more that it had when the move was planned"));
		assert_null(data);
	}
	assert_false(shipped_is(fd, 4, hash, &found));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(shipped_map(path, 7, hash, &data), PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "the content that was to be here (/tmp/pmig-shipped-"));
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(shipped_map(path, 7, hash, &data), PMIG_EREFUSED);
	assert_int_equal(unlink(path), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_that_content_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
