/* content: what kinds write and read (<pmig/kind.h>): records in one section of the image, the contents of files one
 * after the other in a second one. */
#ifndef PMIG_RESOURCE_CONTENT_H
#define PMIG_RESOURCE_CONTENT_H

#include "record.h"

#include <pmig/kind.h>
#include <sys/uio.h>

#define CONTENT_MAX (1ull << 40) /* bytes of one content */

struct pmig_writer {
	struct record_writer record;
	struct iovec *contents; /* mapped files */
	size_t n;
	uint64_t size; /* of all contents */
	const void *last;
};

/* Unmaps and frees; *w is as new. */
void content_finish(struct pmig_writer *w);

struct pmig_reader {
	struct record_reader record;
	const unsigned char *contents; /* borrowed */
	uint64_t size;
};

#endif
