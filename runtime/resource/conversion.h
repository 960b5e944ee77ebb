/* conversion: character set conversion behind a handle: the two names in the arena, and libc's descriptor, which is
 * opened again in another process. What libc needs for it is in files of the host, so a target is asked for them. */
#ifndef PMIG_RESOURCE_CONVERSION_H
#define PMIG_RESOURCE_CONVERSION_H

#include "../base/error.h"

#include <iconv.h>

iconv_t pmig_iconv_open(const char *to, const char *from);
size_t pmig_iconv(iconv_t c, char **in, size_t *in_left, char **out, size_t *out_left);
int pmig_iconv_close(iconv_t c);

/* Those that are open, a line "=FROM<tab>TO" each, as many as there is room for. Returns the length. */
size_t conversion_list(char *text, size_t room);

/* Opens all again. Errors: PMIG_EREFUSED (one that this host cannot do; the reason names it), PMIG_ENOMEM. */
PMIG_MUST_CHECK int conversion_restore(void);

#endif
