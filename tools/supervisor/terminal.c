/* terminal: termios of the user's terminal. One process has one, hence the globals. */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static int fd = -1; /* whichever of 0, 1, 2 is the terminal */
static bool input;  /* 0 is */
static bool raw;
static struct termios before;

void terminal_open(bool use, bool ret_terminal[3])
{
	for (int i = 2; i >= 0; i--) {
		ret_terminal[i] = use && isatty(i) == 1;
		if (ret_terminal[i])
			fd = i;
	}
	input = ret_terminal[0];
	if (fd >= 0 && tcgetattr(fd, &before) == 0)
		(void)atexit(terminal_leave);
}

bool terminal_foreground(void)
{
	return fd < 0 || tcgetpgrp(fd) == getpgrp();
}

void terminal_enter(void)
{
	if (fd < 0 || raw || !terminal_foreground() || tcgetattr(fd, &before) < 0)
		return;
	struct termios modes = before;
	if (input)
		cfmakeraw(&modes);
	else
		modes.c_oflag &= (tcflag_t)~OPOST; /* the program's own terminal has done that */
	raw = tcsetattr(fd, TCSADRAIN, &modes) == 0;
}

void terminal_leave(void)
{
	if (raw && terminal_foreground())
		(void)tcsetattr(fd, TCSADRAIN, &before);
	raw = false;
}

struct winsize terminal_size(void)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	if (fd >= 0)
		(void)ioctl(fd, TIOCGWINSZ, &size);
	return size;
}
