/* note_line: how a child of the program, which has no channel to the agent, tells of options that it sets of sockets at other hosts: by a
 * socket that its parent got from the agent before the fork, one message each: a u64 number of a reference and the bytes of a note
 * (socket_note.h). */
#ifndef PMIG_REFERENCE_NOTE_LINE_H
#define PMIG_REFERENCE_NOTE_LINE_H

#include "../base/error.h"

#include <stddef.h>
#include <stdint.h>

/* In the parent: there is one for whoever is forked now, if anything of this process lies at another host. Its number if it is new, which is then
 * none of the program's (resource_private()); else -1. errno stays. */
int note_line_open(void);

/* In a child. Errors: PMIG_EGONE (there is none: it was closed). */
PMIG_MUST_CHECK int note_line_tell(uint64_t id, const void *note, size_t size);

#endif
