/* conversion: character set conversion behind a handle: the two names in the arena, and libc's descriptor, which is
 * opened again when it is first used in another process. Encodings with shift states begin anew then. */
#ifndef PMIG_RESOURCE_CONVERSION_H
#define PMIG_RESOURCE_CONVERSION_H

#include <iconv.h>

iconv_t pmig_iconv_open(const char *to, const char *from);
size_t pmig_iconv(iconv_t c, char **in, size_t *in_left, char **out, size_t *out_left);
int pmig_iconv_close(iconv_t c);

#endif
