/* opened: where in the program each descriptor was opened: "main (server.c:42)". The instrumenter calls pmig_opened*() behind each call that
 * opens something (tbl/opens.h); the table lies in the arena and travels, its texts are constants of the program.
 *
 * The agent looks at it from outside: struct control_opened (control.h). */
#ifndef PMIG_RESOURCE_OPENED_H
#define PMIG_RESOURCE_OPENED_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>

#define OPENED_MAX 65536 /* descriptors above are not noted */

/* The address of the pointer to the table; it is NULL until something was opened. */
uint64_t opened_address(void);

/* The program closes it. */
void opened_closed(int fd);

/* NULL: unknown. */
const char *opened_where(int fd);

void pmig_opened(int fd, const char *where);
void pmig_opened_stream(FILE *f, const char *where);
void pmig_opened_folder(DIR *d, const char *where);
void pmig_opened_pair(int result, const int fds[2], const char *where);

#endif
