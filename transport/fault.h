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
 *   power[:SIDE]            the process stands still until whoever has a hand on the switch has turned the power of that host
 *                           off, or has made the file RECORD.on, or a minute has passed. SIDE may also be home
 * where something is written, a row of the registry or a file:
 *   full                    the disk is full
 * and where it is a file:
 *   short                   the kernel takes less than it was given
 *   corrupt[:SEED]          one bit of it comes out wrong
 * Each is done once. `pmig faults` lists the points. What happened is appended to a record, as a line "POINT=ACTION" or
 * "POINT=power:SIDE": the file PMIG_FAULT_RECORD, or, in an agent that has no such variable, `faults` in its state directory. */
#ifndef PMIG_TRANSPORT_FAULT_H
#define PMIG_TRANSPORT_FAULT_H

#include "../runtime/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_action {
	FAULT_NONE = 1,
	FAULT_FAIL,
	FAULT_DELAY,
	FAULT_KILL_PROGRAM,
	FAULT_KILL_AGENT,
	FAULT_KILL_SUPERVISOR,
	FAULT_CUT,
	FAULT_POWER,
	FAULT_FULL,
	FAULT_SHORT,
	FAULT_CORRUPT,
};

enum fault_place { FAULT_SUPERVISOR = 1, FAULT_SOURCE, FAULT_TARGET };

/* What is done at a point, and so what can go wrong there. */
enum fault_deed { FAULT_STEP = 1, FAULT_ROW, FAULT_DATA };

struct fault {
	enum fault_action action;
	int ms;                /* FAULT_DELAY */
	enum fault_place side; /* whose program, agent, connection or host */
	uint64_t seed;         /* FAULT_CORRUPT: which bit */
};

struct fault_point {
	const char *name;
	enum fault_place place;
	enum fault_deed deed;
	const char *words;
};

const struct fault_point *fault_points(size_t *ret_count);
const char *fault_place_name(enum fault_place place);

/* The kinds of fault: NULL behind the last. */
const char *fault_action_name(enum fault_action action);
bool fault_suits(const struct fault_point *point, enum fault_action action);

/* Checks a specification. PMIG_EINVAL: it is none, and what the points are called. */
int fault_check(const char *spec) PMIG_MUST_CHECK;

/* What is to go wrong in this process from now on; replaces what was set. A wrong specification sets nothing. */
void fault_setup(const char *spec);

/* Who can kill and cut here, for points that do not know: fault_meet() and fault_write() hand such faults to it. NULL: nobody.
 * `record`: the file for what happened where PMIG_FAULT_RECORD names none; NULL: none. */
typedef void fault_doer(void *context, const struct fault *f);
void fault_carry_out(fault_doer *doer, void *context, const char *record);

/* FAULT_NONE, or what happens here, once. FAULT_DELAY and FAULT_POWER have been waited for already. */
struct fault fault_at(const char *point);

/* The same, and all is done: 0, or PMIG_EIO, or PMIG_ENOSPC with a reason. */
int fault_meet(const char *point) PMIG_MUST_CHECK;

/* The same before `size` bytes are written: `corrupt` flips a bit of them, `short` says by a smaller size how many are taken. */
int fault_write(const char *point, void *data, size_t *size) PMIG_MUST_CHECK;

#endif
