/* deploy: brings the agent to a host that has nothing but sshd and a POSIX shell. */
#ifndef PMIG_TRANSPORT_DEPLOY_H
#define PMIG_TRANSPORT_DEPLOY_H

#include "link.h"

/* Makes sure that the executable `path` (here) is in the cache there, at ~/.cache/pmig/HASH/pmig-agent, whole and
 * executable, and returns the command that starts it, quoted for the login shell, to which arguments can be appended;
 * the caller frees it. Costs one exec when it is there already. With LINK_LOCAL nothing is copied. Errors: those of
 * link_exec(), PMIG_ENOENT or PMIG_EIO (path), PMIG_ENOSUPPORT (another architecture), PMIG_ENOSPC, PMIG_EREFUSED (no
 * home directory to write to, or nothing may be run there), PMIG_ECORRUPT (what arrived differs), PMIG_EPROTOCOL. */
int deploy_agent(struct link *link, const char *path, char **ret_command) PMIG_MUST_CHECK;

/* `text` as one word for a POSIX shell (and csh, fish); the caller frees it. */
int deploy_quote(const char *text, char **ret_word) PMIG_MUST_CHECK;

#endif
