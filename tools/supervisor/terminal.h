/* terminal: the user's terminal: raw while the program is in the foreground on it, as it was on every way out. */
#ifndef PMIG_SUPERVISOR_TERMINAL_H
#define PMIG_SUPERVISOR_TERMINAL_H

#include <stdbool.h>
#include <sys/ioctl.h>

/* Looks at descriptors 0, 1, 2; `use` false: as if none were a terminal. Restores the modes at exit() too. */
void terminal_open(bool use, bool ret_terminal[3]);

bool terminal_foreground(void); /* no terminal counts as foreground */
void terminal_enter(void);      /* raw, if input is the terminal and we are in the foreground */
void terminal_leave(void);      /* as it was; async-signal-safe */
struct winsize terminal_size(void);

#endif
