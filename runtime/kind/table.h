/* table: the kinds of this build, in the order in which they are asked. */
#ifndef PMIG_KIND_TABLE_H
#define PMIG_KIND_TABLE_H

#include <pmig/kind.h>
#include <stddef.h>

/* The `index`-th kind; NULL: no more. */
const struct pmig_kind *kind_table_at(size_t index);

/* The kind of that name, also one from outside the tree; NULL: none. */
const struct pmig_kind *kind_table_find(const char *name);

/* The kind to which an open description belongs; every one belongs to one. */
const struct pmig_kind *kind_table_match(const struct pmig_resource *r);

/* The same of one that the program declared: kinds from outside the tree are asked before the others. What nobody declared is never
 * theirs: the agent, which does not have them, must know the kind of that. */
const struct pmig_kind *kind_table_match_declared(const struct pmig_resource *r);

/* As kind_table_match_declared(), of a descriptor; its name. */
const char *kind_table_name(int fd, const struct stat *st, const char *locator);

#endif
