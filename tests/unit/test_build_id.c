/* build_id: the linker's identity of this executable is what the tool says; damaged files have none. */
#include "transport/build_id.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned char head[8192];
static ssize_t head_size;

static int of_bytes(const void *bytes, size_t size, char ret_id[BUILD_ID_MAX])
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	int r = build_id_get(fd, ret_id);
	close(fd);
	return r;
}

static int of_libc(char ret_id[BUILD_ID_MAX])
{
	int fd = open("/lib/x86_64-linux-gnu/libc.so.6", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		skip();
	int r = build_id_get(fd, ret_id);
	head_size = pread(fd, head, sizeof head, 0);
	close(fd);
	return r;
}

static void it_is_what_the_file_says(void **state)
{
	char id[BUILD_ID_MAX], told[BUILD_ID_MAX] = "";
	(void)state;
	assert_int_equal(of_libc(id), 0);
	FILE *f = popen("readelf -n /lib/x86_64-linux-gnu/libc.so.6 2>/dev/null | sed -n 's/.*Build ID: //p'", "r");
	assert_non_null(f);
	if (fscanf(f, "%128s", told) != 1)
		(void)strcpy(told, id); /* no such tool here */
	(void)pclose(f);
	assert_string_equal(id, told);
}

static void damage_is_no_identity_and_no_harm(void **state)
{
	char id[BUILD_ID_MAX];
	(void)state;
	assert_int_equal(of_libc(id), 0);
	assert_int_equal(of_bytes("", 0, id), PMIG_ENOENT);
	assert_int_equal(of_bytes("#!/bin/sh\n", 10, id), PMIG_ENOENT);
	for (size_t size = 1; size < 128; size++)
		assert_int_equal(of_bytes(head, size, id), PMIG_ENOENT);
	for (size_t i = 0; i < (size_t)head_size && i < 1024; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			head[i] ^= (unsigned char)(1u << bit);
			(void)!of_bytes(head, (size_t)head_size, id); /* something, or nothing; the sanitizers watch */
			head[i] ^= (unsigned char)(1u << bit);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_the_file_says),
		cmocka_unit_test(damage_is_no_identity_and_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
