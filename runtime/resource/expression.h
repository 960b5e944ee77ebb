/* expression: regular expressions. A compiled one points into libc, so that a program has a handle in its regex_t
 * instead: pattern and flags in the arena, and what libc made of them, which is made again when it is first used in
 * another process. */
#ifndef PMIG_RESOURCE_EXPRESSION_H
#define PMIG_RESOURCE_EXPRESSION_H

#include <regex.h>

int pmig_regcomp(regex_t *ret, const char *pattern, int flags);
int pmig_regexec(const regex_t *e, const char *text, size_t n, regmatch_t *matches, int flags);
size_t pmig_regerror(int number, const regex_t *e, char *text, size_t size);
void pmig_regfree(regex_t *e);

#endif
