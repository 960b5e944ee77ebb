/* child: the child processes of a process, as /proc shows them. */
#ifndef PMIG_BASE_CHILD_H
#define PMIG_BASE_CHILD_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
	pid_t pid, group;
	char state; /* as in proc_pid_stat(5) */
	char name[32];
};

/* Calls `found` for each child of `parent`, until it fails with a negative result, which is returned. Errors: PMIG_EIO. */
PMIG_MUST_CHECK int child_each(pid_t parent, int (*found)(const struct child *c, void *context), void *context);

/* Whether it has ended, and waits to be waited for. */
bool child_has_ended(const struct child *c);

/* The state of a process, as in proc_pid_stat(5): 'T' is stopped, 't' by a debugger. 0: there is none. */
int child_state(pid_t pid);

/* Names those that run: "12 (sleep), 13 (cat, stopped) and 3 more". Their number, or PMIG_EIO. */
PMIG_MUST_CHECK int child_name_living(pid_t parent, char *ret_text, size_t size);

#endif
