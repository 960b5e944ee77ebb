/* instrument: what identifier_fixed, type_fixed and type_fastened talk to; a stand-in for a real one.
 *
 *   ./instrument NAME        is on the terminal line NAME, which it makes
 *   ./instrument 7007        listens on this port of 127.0.0.1
 *
 * It does not migrate: it is plain C. To each line that it gets it answers with its serial number and with how many it got. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static unsigned serial;
static long asked;

/* Until nobody asks any more. */
static void answer(int fd)
{
	char c;
	while (read(fd, &c, 1) == 1)
		if (c == '\n' && dprintf(fd, "instrument %x asked %ld\n", serial, ++asked) < 0)
			return;
}

static int on_line(const char *name)
{
	struct termios raw;
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || tcgetattr(master, &raw) < 0)
		return -1;
	/* Held open, so that the line does not hang up when the program closes it, or leaves. */
	int held = open(ptsname(master), O_RDWR | O_NOCTTY);
	cfmakeraw(&raw);
	unlink(name);
	if (held < 0 || tcsetattr(held, TCSANOW, &raw) < 0 || symlink(ptsname(master), name) < 0)
		return -1;
	printf("instrument %x on %s\n", serial, ptsname(master));
	fflush(stdout);
	answer(master);
	return close(held);
}

static int on_port(int port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1, fd, l = socket(AF_INET, SOCK_STREAM, 0);
	if (l < 0 || setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
		bind(l, (struct sockaddr *)&at, sizeof at) < 0 || listen(l, 10) < 0)
		return -1;
	printf("instrument %x on port %d\n", serial, port);
	fflush(stdout);
	while ((fd = accept(l, NULL, NULL)) >= 0) {
		answer(fd);
		close(fd);
	}
	return -1;
}

int main(int argc, char **argv)
{
	if (argc != 2 || getrandom(&serial, sizeof serial, 0) != sizeof serial) {
		fputs("usage: instrument NAME | PORT\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	int failed = isdigit((unsigned char)argv[1][0]) ? on_port(atoi(argv[1])) : on_line(argv[1]);
	if (failed)
		perror(argv[1]);
	return failed ? 1 : 0;
}
