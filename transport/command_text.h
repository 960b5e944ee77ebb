/* command_text: what a short command of this machine says, within a time. */
#ifndef PMIG_TRANSPORT_COMMAND_TEXT_H
#define PMIG_TRANSPORT_COMMAND_TEXT_H

#include <stddef.h>

/* Runs argv[0], found in PATH, and reads its standard output until that ends, `room` - 1 bytes are there or `ms` milliseconds are over; then
 * it is killed. Its standard error is dropped. *ret_text is "" where it said nothing or could not be run. */
void command_text(char *const argv[], long long ms, char *ret_text, size_t room);

#endif
