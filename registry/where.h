/* where: the directory of this user on this machine, and what the machine is called.
 *
 * ${PMIG_STATE}, else ${XDG_STATE_HOME:-$HOME/.local/state}/pmig/MACHINE, where MACHINE is the machine identity: a home
 * directory may be shared between hosts (machine-id(5); XDG Base Directory Specification 0.8). The registry is
 * `registry.db` in it; images, sockets and spools of agents may lie beside it. */
#ifndef PMIG_REGISTRY_WHERE_H
#define PMIG_REGISTRY_WHERE_H

#include "runtime/base/error.h"
#include <limits.h>

#define WHERE_MACHINE_MAX 64

/* The identity of this machine: /etc/machine-id, else that of D-Bus, else "host-" and the host name. */
int where_machine(char ret_machine[WHERE_MACHINE_MAX + 1]) PMIG_MUST_CHECK;

/* The state directory, made with mode 0700 where it is missing. PMIG_EIO (HOME is not there, or it cannot be made or is not a
 * directory that we can write: the sentence names PMIG_STATE), PMIG_EREFUSED (it belongs to another user, or others can write
 * into it), PMIG_EINVAL (no HOME, not absolute, too long). */
int where_state(char ret_path[PATH_MAX]) PMIG_MUST_CHECK;

/* The registry's file in the state directory, which is made where it is missing. Errors as where_state(). */
int where_registry(char ret_path[PATH_MAX]) PMIG_MUST_CHECK;

#endif
