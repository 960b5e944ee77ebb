/* socket_options: what a program set of a socket with setsockopt(2), as far as it can be asked for: that which differs from a new one. */
#ifndef PMIG_KIND_SOCKET_OPTIONS_H
#define PMIG_KIND_SOCKET_OPTIONS_H

#include "../base/error.h"
#include "../reference/socket_record.h"

#include <pmig/kind.h>
#include <sys/socket.h>

/* Errors: PMIG_EIO. */
PMIG_MUST_CHECK int socket_options_save(int fd, struct pmig_writer *w);

/* On a new socket, before it is bound. Errors: PMIG_EREFUSED (this host does not allow one), PMIG_ECORRUPT. */
PMIG_MUST_CHECK int socket_options_restore(int fd, struct pmig_reader *in);

/* All that can be asked for, whatever it is set to, and what can only be asked for (the peer's credentials): at most `room`. Returns how
 * many. */
size_t socket_options_look(int fd, struct socket_option *ret, size_t room);

/* Sets one that socket_options_look() told of another socket; whether that could be done, or it is so already. */
bool socket_options_put(int fd, const struct socket_option *o);

/* As getsockopt(2) would tell it afterwards: the kernel doubles what it is told of some. */
void socket_options_told(struct socket_option *o);

/* What cannot be asked for, and was set by the program through pmig_setsockopt(): in words; NULL: nothing. */
const char *socket_options_hidden(const struct stat *st);

int pmig_setsockopt(int fd, int level, int name, const void *value, socklen_t size);

#endif
