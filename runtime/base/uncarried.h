/* uncarried: why a thing is not carried, by its name as the kernel writes it in /proc/PID/fd. The planner says so before anything is frozen, the
 * program where it saves without a plan. */
#ifndef PMIG_BASE_UNCARRIED_H
#define PMIG_BASE_UNCARRIED_H

/* Why, and what to do. Static; NULL: nothing is known against it. */
const char *uncarried_words(const char *link);

/* The same of a thing that no kind knows: never NULL. */
const char *uncarried_unknown(const char *link);

#endif
