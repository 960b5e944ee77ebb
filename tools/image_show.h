/* image_show: what is in an image, for people and for programs. */
#ifndef PMIG_TOOLS_IMAGE_SHOW_H
#define PMIG_TOOLS_IMAGE_SHOW_H

#include "runtime/image/image.h"

#include <jansson.h>

/* Adds to `about`, the JSON object of section `e`, what its payload says; an unknown version adds nothing. Strings,
 * numbers and booleans show in the text as well, "key value" each. */
typedef void image_show_describe(const struct image_entry *e, json_t *about);

/* {"identity": {...}, "size", "sections": [{"section", "version", "mandatory", "offset", "payload", "data", ...}]}; a new
 * reference. `describe` may be NULL. Error: PMIG_ENOMEM. */
int image_show_json(const struct image *im, image_show_describe *describe, json_t **ret) PMIG_MUST_CHECK;

/* The same as text: who and when, then one line per section. Error: PMIG_ENOMEM, PMIG_EIO. */
int image_show(const struct image *im, image_show_describe *describe, FILE *out) PMIG_MUST_CHECK;

#endif
