/* image_info: what the supervisor has to know of an image. */
#ifndef PMIG_SUPERVISOR_IMAGE_INFO_H
#define PMIG_SUPERVISOR_IMAGE_INFO_H

#include "runtime/base/error.h"

#include <pmig/port.h>
#include <stdbool.h>
#include <stdint.h>

struct image_info {
	uint8_t build[32], process[16];
	char name[64];
	uint64_t epoch, checkpoint, size;
};

/* Of the image in `fd` (borrowed), called `name` in messages; `verify`: all its bytes are checked. PMIG_ECORRUPT, PMIG_EVERSION, PMIG_EIO. */
int image_info_get(int fd, const char *name, bool verify, struct image_info *ret_info) PMIG_MUST_CHECK;

/* The build id of the executable `fd`, as the images that it makes have it. PMIG_EIDENTITY: it has none. */
int image_info_build(int fd, const char *path, uint8_t ret_build[32]) PMIG_MUST_CHECK;

void image_info_uuid(const struct image_info *info, char ret_uuid[PMIG_UUID_LENGTH + 1]);

#endif
