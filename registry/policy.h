/* policy: what resources mean, for programs whose source nobody touches: one section a pattern, with the fields of struct
 * pmig_declaration under the same names.
 *
 *   # comments, and empty lines
 *   [file "*.idx"]                    the kind, or "any"; a glob on the path or address (fnmatch(3), * takes slashes too)
 *   name = index                      in the registry
 *   binding = value                   identifier, value, type
 *   attachment = fastened             unattached, fastened, fixed
 *   type = scratch                    by type
 *   strategy = reference              demanded: move, copy, reference, rebind, refuse
 *   consent = divergence, snapshot    and loss
 *   shared = yes                      yes, no
 *   secret = no
 *   rate = 20MB/s                     a number of bytes, B kB MB GB TB, KiB MiB GiB TiB
 *   size = 1GB
 *   choices = rebind, reference       instead of the order in the table of strategies; what is left out is not taken
 *
 * A value that has spaces at its ends, "#" or a quote stands in double quotes, with \" \\ \n \t \xNN; patterns always do. Binding and
 * attachment come together, since nothing is declared by half; `choices` may stand alone. Of several sections that match, the first
 * one speaks. Precedence: run time, file scope, policy, default of the kind; `choices` hold whoever declared the resource.
 *
 * Normal usage: policy_create(), policy_add() for each text (or policy_load()), policy_apply() for each resource, policy_destroy(). */
#ifndef PMIG_REGISTRY_POLICY_H
#define PMIG_REGISTRY_POLICY_H

#include "plan.h"

#define POLICY_SECTIONS_MAX 4096
#define POLICY_LINE_MAX 8192
#define POLICY_PATTERN_MAX 1024

struct policy;

/* Without sections. NULL: no memory. */
struct policy *policy_create(void);

/* Takes NULL. */
void policy_destroy(struct policy *p);

/* Appends the sections of `text`, which is copied; all or none. Hostile until checked: PMIG_EINVAL "NAME:LINE:COLUMN: expected ...,
 * found ...". PMIG_ENOMEM. Returns how many sections it has. */
int policy_add(struct policy *p, const char *name, const char *text, size_t size) PMIG_MUST_CHECK;

/* The file at `path`, read: free() *ret_text. PMIG_EIO, PMIG_EINVAL (longer than PMIG_POLICY_MAX). */
int policy_read(const char *path, char **ret_text, size_t *ret_size) PMIG_MUST_CHECK;

/* The policies of the process, then those that hold for all. What the registry has was checked before: one that is wrong now
 * is an error. */
int policy_load(struct pmig_store *store, const char *process, struct policy **ret_policy) PMIG_MUST_CHECK;

/* The policies of one process for another one as well: a clone means what its original meant. */
int policy_inherit(struct pmig_store *store, const char *from, const char *to) PMIG_MUST_CHECK;

/* What the policy says of this resource; texts are borrowed from it. 1: it has spoken, 0: it says nothing. What is part of the process or
 * can only be refused stays so. */
int policy_apply(const struct policy *p, struct plan_resource *resource);

#endif
