/* install: what a target needs and may not have: the agent, the program, its libraries; put there once, by content. */
#ifndef PMIG_SUPERVISOR_INSTALL_H
#define PMIG_SUPERVISOR_INSTALL_H

#include "transport/link.h"

#include <stdbool.h>
#include <stdint.h>

#define INSTALL_COMMAND_MAX 16384

struct install_agent {
	bool local;        /* this machine: our own pmig-agent */
	const char *state; /* "": the target decides */
	const char *uuid;
	const char *name;
	uint64_t knows; /* transport/agent.h */
};

/* The command that connects to the agent of a program there; puts the agent there first if need be. Blocks. Errors: those of
 * link_exec(), PMIG_ENOENT (our own pmig-agent is not found), PMIG_EINVAL. */
int install_agent_command(struct link *link, const struct install_agent *agent,
	char ret_command[INSTALL_COMMAND_MAX]) PMIG_MUST_CHECK;

/* The path of an executable that stands beside this one. PMIG_ENOENT. */
int install_own(const char *name, char ret_path[4096]) PMIG_MUST_CHECK;

#endif
