/* text: bytes from outside (names, paths, addresses) made fit for a terminal and for JSON. */
#ifndef PMIG_REGISTRY_TEXT_H
#define PMIG_REGISTRY_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* The length in bytes of the UTF-8 character at `text`, 0 where it is not one; RFC 3629. */
size_t text_utf8(const char *text);

/* What put() writes, in columns of a terminal that has one for each character. */
size_t text_width(const char *text);

/* Control characters, which would act on a terminal, and bytes that are not UTF-8 are written as \xNN. */
void text_put(const char *text, FILE *out);

/* A JSON string; bytes that are not UTF-8 become U+FFFD. NULL: no memory. */
json_t *text_json(const char *text);

#endif
