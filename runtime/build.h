/* build: which executable this is. */
#ifndef PMIG_BUILD_H
#define PMIG_BUILD_H

#include <stdint.h>

#define BUILD_BYTES 32

/* The linker's build id of this executable, padded with zeros. */
const uint8_t *build_identity(void);

/* The same in hexadecimal, static. */
const char *build_text(void);

#endif
