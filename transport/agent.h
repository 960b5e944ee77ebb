/* agent: stands beside one program at one host, spawns it, owns its standard streams, and answers the supervisor. It
 * outlives the connection that started it, and the program does not outlive the agent.
 *
 * The way to it: `pmig-agent connect UUID` (agent_connect()) starts `pmig-agent serve` (agent_serve()) if it does not run, writes
 * AGENT_READY and hands its standard input and output to the agent, or relays them to its socket, so that a local process and a command
 * over SSH are the same. Then packets (packet.h). The last who connects is the supervisor; an earlier one is sent away,
 * unless the last is late (agent_connect()): that one hears {"event": "late", "heard": EPOCH}.
 *
 * Stream 0 carries JSON objects, at first from the agent {"event": "hello", ...} as in agent_describe(). Requests {"do": NAME,
 * "id": N, ...} are answered by {"id": N, ...} or {"id": N, "code": PMIG_E*, "reason": "..."}; the names stand in tbl/agent.h.
 * Events: {"event": "exit", "status": N, "out": END, "err": END}, {"event": "stopped"}, {"event": "continued"}.
 * Streams AGENT_STDIN, AGENT_STDOUT, AGENT_STDERR carry bytes by offset, with PACKET_ACK back (of input: it is
 * with the program or travels along; of output: it was shown). Streams from AGENT_BULK on are files (bulk.h). */
#ifndef PMIG_TRANSPORT_AGENT_H
#define PMIG_TRANSPORT_AGENT_H

#include "../runtime/base/error.h"

#include <pmig/port.h>

#define AGENT_VERSION 1
#define AGENT_READY "pmig-agent 1 ready\n"
#define AGENT_RELAYED 'r' /* what `pmig-agent connect` says first on the agent's socket: see agent_connect.c */
#define AGENT_HANDED 'h'
#define AGENT_RELAYED_KNOWING 'R' /* the same, and the epoch that the supervisor knows of (u64, little-endian) */
#define AGENT_HANDED_KNOWING 'H'
#define AGENT_BULK 16
#define AGENT_LEASE_MS (60 * 60 * 1000) /* what nobody claims is given up after that time without a supervisor */

struct agent_options {
	const char *state;        /* the state directory, absolute */
	const char *uuid;         /* of the program */
	const char *name;         /* for people: shown by ps(1) */
	struct pmig_store *store; /* of this host; borrowed */
	int ready_fd;             /* gets one byte when connections are accepted, then it is closed; -1: none */
};

/* Becomes the agent: own session, one per program (PMIG_EBUSY if there is one already), until nothing is left to do. */
int agent_serve(const struct agent_options *options) PMIG_MUST_CHECK;

/* Connects descriptors 0 and 1 with the agent of `uuid`, started by running `serve` (NULL-terminated, from the file /proc/self/exe) if there is
 * none. `knows`: the epoch that the supervisor knows of: where another one that knows of a later one is connected, that stays; 0: it is sent
 * away in any case. Returns 0 when either side closed. */
int agent_connect(const char *state, const char *uuid, uint64_t knows, char *const serve[]) PMIG_MUST_CHECK;

#endif
