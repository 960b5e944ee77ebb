/* agent_reference_file: serves a file or a directory that this agent holds for a program that runs elsewhere, by
 * runtime/reference/protocol.h. It works on the descriptor: a file that was renamed or removed is still the file. */
#ifndef PMIG_TRANSPORT_AGENT_REFERENCE_FILE_H
#define PMIG_TRANSPORT_AGENT_REFERENCE_FILE_H

#include "runtime/base/error.h"

/* A thread of its own serves what comes by `socket` (a blocking stream socket) until its end, so that a slow disk holds up nobody
 * else; then it closes both. Both are taken, also on failure. A descriptor may be served several times at once (give each a
 * dup()). Errors: PMIG_ENOMEM. */
int agent_reference_file_serve(int held, int socket) PMIG_MUST_CHECK;

/* The same at once, reading from one descriptor and writing to another, which stay open. 0: it ended; PMIG_EPROTOCOL: the other side said what no
 * client says; PMIG_EGONE: it does not listen any more; PMIG_ENOMEM. */
int agent_reference_file_run(int held, int in, int out) PMIG_MUST_CHECK;

#endif
