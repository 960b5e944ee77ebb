/* supervisor: one per program, at home: the user's terminal, the ways to the agents, the control socket for the other
 * verbs, and the one who drives hand-overs. */
#ifndef PMIG_SUPERVISOR_H
#define PMIG_SUPERVISOR_H

#include "runtime/base/error.h"

#include <stdbool.h>

struct supervisor_options {
	const char *state;                /* the state directory of home, absolute */
	const char *name;                 /* of the program; NULL: its basename, made unique */
	const char *path;                 /* of the executable, absolute; NULL: take over what runs already (attach) */
	char *const *argv;                /* of the program */
	const char *on;                   /* where it starts; NULL: here */
	const char *policy, *policy_text; /* a policy file's path, absolute, and what is in it; NULL: none */
	const char *
		image; /* restart from this file instead, absolute; then path may be NULL: where it was started. NULL: start it */
	const char *
		kinds; /* shared objects with further kinds of resources: absolute paths, a line each; NULL: none, or those it has */
	int every_ms;  /* an image at home at this interval; 0: none, or as it was ordered before (attach, restart) */
	unsigned keep; /* how many of them; 1 or more where every_ms is not 0 */
	const char *checkpoints; /* where they go, absolute; NULL: into the state directory */
	bool clone;              /* ... as another process */
	bool rewind;             /* ... and files that were changed since are set aside as PATH.old */
	bool recover;            /* attach, and continue an image that waits */
	bool here;     /* ... and, if the target cannot be reached, it goes on at the source whatever became of it there */
	bool detached; /* no terminal; output goes to files in the state directory */
	int ready_fd;  /* gets the program's name and a newline when it runs, then it is closed; -1: none */
};

/* Until the program has ended or another supervisor takes over. Returns the exit status of `pmig run`: that of the program as a
 * shell shows it; 124: it was stopped, and waits in an image; 125, 126, 127, or 3 for a restart that was refused, with a sentence on
 * standard error. */
int supervisor_run(const struct supervisor_options *options);

#endif
