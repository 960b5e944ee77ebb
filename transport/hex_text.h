/* hex_text: texts of any bytes in JSON, as the registry's rows have them: a string, or {"hex": "..."} where the bytes are not UTF-8
 * (a path may be any bytes but NUL). */
#ifndef PMIG_TRANSPORT_HEX_TEXT_H
#define PMIG_TRANSPORT_HEX_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

json_t *hex_text_json(const char *bytes); /* NULL: out of memory */

/* False: it is neither, or longer than `size` - 1 bytes, or has a NUL in it. */
bool hex_text_get(const json_t *value, char *ret_bytes, size_t size);

/* The same in memory of its own; free(). NULL: it is neither, or out of memory. */
char *hex_text_take(const json_t *value);

#endif
