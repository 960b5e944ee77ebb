/* fault: named points where a hand-over can be made to go wrong. Always compiled in; a point costs a comparison when
 * none is set.
 *
 * PMIG_FAULT="POINT=ACTION[:ARGUMENT][,...]", in the environment of `pmig run` or `pmig attach`:
 *   fail                    the step fails there
 *   delay:MS                it waits
 *   kill-program[:SIDE]     SIGKILL to the program; SIDE is source or target, where the point lies at home (source otherwise)
 *   kill-agent[:SIDE]       SIGKILL to the agent
 *   kill-supervisor         SIGKILL to the supervisor
 *   cut[:SIDE]              the connection is lost
 * Each is done once. `pmig faults` lists the points. What happened is appended to the file PMIG_FAULT_RECORD, if that is
 * set, as a line "POINT=ACTION" (an agent on another machine has no such variable). */
#ifndef PMIG_TRANSPORT_FAULT_H
#define PMIG_TRANSPORT_FAULT_H

#include "../runtime/base/error.h"

#include <stddef.h>

enum fault_action {
	FAULT_NONE = 1,
	FAULT_FAIL,
	FAULT_DELAY,
	FAULT_KILL_PROGRAM,
	FAULT_KILL_AGENT,
	FAULT_KILL_SUPERVISOR,
	FAULT_CUT,
};

enum fault_place { FAULT_SUPERVISOR = 1, FAULT_SOURCE, FAULT_TARGET };

struct fault {
	enum fault_action action;
	int ms;                /* FAULT_DELAY */
	enum fault_place side; /* whose program, agent or connection */
};

struct fault_point {
	const char *name;
	enum fault_place place;
	const char *words;
};

const struct fault_point *fault_points(size_t *ret_count);
const char *fault_place_name(enum fault_place place);

/* Checks a specification. PMIG_EINVAL: it is none, and what the points are called. */
int fault_check(const char *spec) PMIG_MUST_CHECK;

/* What is to go wrong in this process from now on; replaces what was set. A wrong specification sets nothing. */
void fault_setup(const char *spec);

/* FAULT_NONE, or what happens here, once. FAULT_DELAY has been waited for already. */
struct fault fault_at(const char *point);

#endif
