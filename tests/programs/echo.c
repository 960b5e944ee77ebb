/* echo [BYTES]: numbers the lines that it reads; ends with the number of whole ones. A safe point before each read. With
 * BYTES it carries so many that do not compress, and that must be the same at the end. */
#include <pmig/pmig.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Waits for input in short naps, since a blocked read() would not be a safe point. */
static void await_input(void)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};
	while (poll(&p, 1, 10) <= 0)
		pmig_safepoint();
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static uint64_t *load(size_t count)
{
	uint64_t *words = malloc(count * sizeof *words), state = 1;
	for (size_t i = 0; words != NULL && i < count; i++)
		words[i] = next(&state);
	return words;
}

static int is_whole(const uint64_t *words, size_t count)
{
	uint64_t state = 1;
	for (size_t i = 0; i < count; i++)
		if (words[i] != next(&state))
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) / sizeof(uint64_t) : 0;
	uint64_t *words = load(count);
	if (count > 0 && words == NULL)
		return 99;
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
			return is_whole(words, count) ? whole : 98;
	}
}
