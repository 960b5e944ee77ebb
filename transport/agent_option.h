/* agent_option: options of a socket that is held here, as a program elsewhere sets them. Included by files of the agent only. */
#ifndef PMIG_TRANSPORT_AGENT_OPTION_H
#define PMIG_TRANSPORT_AGENT_OPTION_H

#include <stddef.h>

/* Sets what a note says (runtime/reference/socket_note.h), if it is one of the options that a program may set from afar: none that leads into
 * a process or a file, or changes what the socket is. What this host does not allow is as it was: the program was told what a socket of
 * its own host says. */
void agent_option_set(int fd, const void *note, size_t size);

#endif
