/* echo: numbers the lines that it reads; ends with the number of whole ones. A safe point before each read. */
#include <pmig/pmig.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Waits for input in short naps, since a blocked read() would not be a safe point. */
static void await_input(void)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};
	while (poll(&p, 1, 10) <= 0)
		pmig_safepoint();
}

int main(void)
{
	char line[256];
	size_t size = 0;
	int lines = 0, whole = 0;
	for (;;) {
		await_input();
		ssize_t n = read(0, line + size, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 1 && line[size] != '\n' && size + 1 < sizeof line) {
			size++;
			continue;
		}
		if (n == 1)
			whole++;
		if (size > 0 || n == 1) {
			printf("%d %.*s\n", ++lines, (int)size, line);
			fflush(stdout);
		}
		size = 0;
		if (n <= 0)
			return whole;
	}
}
