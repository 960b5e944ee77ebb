/* socket_options: what a program set of a socket with setsockopt(2), as far as it can be asked for: that which differs from a new one. */
#ifndef PMIG_KIND_SOCKET_OPTIONS_H
#define PMIG_KIND_SOCKET_OPTIONS_H

#include "../base/error.h"

#include <pmig/kind.h>
#include <sys/socket.h>

/* Errors: PMIG_EIO. */
PMIG_MUST_CHECK int socket_options_save(int fd, struct pmig_writer *w);

/* On a new socket, before it is bound. Errors: PMIG_EREFUSED (this host does not allow one), PMIG_ECORRUPT. */
PMIG_MUST_CHECK int socket_options_restore(int fd, struct pmig_reader *in);

/* What cannot be asked for, and was set by the program through pmig_setsockopt(): in words; NULL: nothing. */
const char *socket_options_hidden(const struct stat *st);

int pmig_setsockopt(int fd, int level, int name, const void *value, socklen_t size);

#endif
