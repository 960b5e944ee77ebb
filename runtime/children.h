/* children: the program's child processes. One that runs stays at its host, and would lose its parent: it is named and refuses the
 * checkpoint, or the program is saved once it has ended. One that has ended and was not waited for is part of the program: how it
 * ended is kept, and the calls of wait(2) find it there after the move.
 *
 * Normal usage: children_ready() when a checkpoint is to be made; children_save() in it; then children_continue() in the same
 * process, or children_arrive() in the one that was restored. */
#ifndef PMIG_CHILDREN_H
#define PMIG_CHILDREN_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

/* Whether the request under way waits for children that run: until it is answered. */
void children_wait(bool wanted);

/* 0, or PMIG_EBUSY: it waits, and one runs; the sentence names it. */
PMIG_MUST_CHECK int children_ready(void);

/* Errors: PMIG_EREFUSED (one runs; all are named), PMIG_ENOMEM. */
PMIG_MUST_CHECK int children_save(void);

void children_continue(void);
void children_arrive(void);

/* A child that ended before a move and that wait4() or waitid() with these arguments would give: its number; 0: there is none. It is
 * forgotten then, unless `options` have WNOWAIT. All `ret_` may be NULL. */
pid_t pmig_child_ended(idtype_t type, id_t id, int options, int *ret_status, struct rusage *ret_usage, siginfo_t *ret_info);

/* What programs call in place of libc's functions without the prefix: a child that has ended gets no signal, at this host or at another,
 * where its number may be somebody else's. */
int pmig_kill(pid_t pid, int number);
int pmig_sigqueue(pid_t pid, int number, const union sigval value);

/* fork(2), for carried/fork.c: the child is a process of its own, which no agent knows. */
pid_t pmig_fork_process(void);

#endif
