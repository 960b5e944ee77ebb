/* build_id: the identity that the linker gave an ELF file (its note NT_GNU_BUILD_ID; see ld(1), --build-id): two files that have
 * the same one have the same code, wherever they lie. */
#ifndef PMIG_TRANSPORT_BUILD_ID_H
#define PMIG_TRANSPORT_BUILD_ID_H

#include "runtime/base/error.h"

#define BUILD_ID_MAX 129 /* hexadecimal digits and NUL: 64 bytes are more than any linker writes */

/* 0, or PMIG_ENOENT: `fd` is no 64-bit ELF file of this byte order, or has none. What it holds is not trusted. */
int build_id_get(int fd, char ret_id[BUILD_ID_MAX]) PMIG_MUST_CHECK;

#endif
