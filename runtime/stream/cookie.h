/* cookie: streams over functions (fopencookie) and over memory (fmemopen, open_memstream). Each goes through our own
 * cookie in the arena, which can stand in for the functions while unread input is taken out and put back. */
#ifndef PMIG_STREAM_COOKIE_H
#define PMIG_STREAM_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum cookie_kind {
	COOKIE_PROGRAM = 1, /* fopencookie */
	COOKIE_MEMORY,      /* fmemopen */
	COOKIE_GROWING,     /* open_memstream */
	COOKIE_REMOTE       /* a descriptor of a file at another host; never in an image */
};

struct cookie {
	uint32_t kind; /* enum cookie_kind */

	/* COOKIE_PROGRAM */
	void *context;
	cookie_io_functions_t io;

	/* COOKIE_REMOTE */
	int32_t fd;

	/* COOKIE_MEMORY, COOKIE_GROWING */
	char *data;
	size_t room; /* bytes at data */
	size_t end;  /* of the content */
	size_t position;
	uint32_t append;
	uint32_t owned;  /* data is ours to free */
	char **ret_data; /* COOKIE_GROWING: the caller's variables */
	size_t *ret_size;

	/* While set, reading gives these bytes and then the end. Never in an image. */
	uint32_t diverted;
	const unsigned char *divert;
	size_t divert_size;
};

/* The functions that libc gets for a cookie of `c`'s kind. */
cookie_io_functions_t cookie_functions(const struct cookie *c);

#endif
