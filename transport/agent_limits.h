/* agent_limits: the limits files of this host, asked before anything is shipped and again before anything runs; pmig-limits(5). All return 0,
 * or PMIG_EREFUSED with a sentence that names file and line. What did not come over SSH is allowed. */
#ifndef PMIG_TRANSPORT_AGENT_LIMITS_H
#define PMIG_TRANSPORT_AGENT_LIMITS_H

#include "agent_parts.h"

/* Where the process `pid` was connected from, and at which address of this host: what sshd says in its environment (SSH_CONNECTION, sshd(8)); "":
 * it was not started over SSH, or nobody knows at which. */
void agent_limits_origin(pid_t pid, char ret_from[AGENT_FROM_MAX], char ret_at[AGENT_FROM_MAX]);

bool agent_limits_hashes(const struct agent *a); /* who sends programs has to say their SHA-256 */

int agent_limits_facts(const struct agent *a, const json_t *request) PMIG_MUST_CHECK;   /* "image": bytes; "types" */
int agent_limits_receive(const struct agent *a, const json_t *request) PMIG_MUST_CHECK; /* a program, a library, data */

/* Any file: `size` more bytes are to come, BULK_SIZE_UNKNOWN: nobody knows how many. *ret_room: how many may. */
int agent_limits_offer(const struct agent *a, uint64_t size, uint64_t *ret_room) PMIG_MUST_CHECK;

int agent_limits_restore(const struct agent *a,
	const json_t *request) PMIG_MUST_CHECK; /* the image a->image is to be run by `path` */
int agent_limits_start(const struct agent *a, const json_t *request) PMIG_MUST_CHECK; /* the program `path`, fresh */
int agent_limits_libraries(const struct agent *a,
	const json_t *request) PMIG_MUST_CHECK;             /* the loader that `path` names is to be run */
int agent_limits_restored(struct agent *a) PMIG_MUST_CHECK; /* where what was restored listens */

#endif
