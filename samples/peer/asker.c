/* asker: asks a teller for numbers, one at a time, and checks that none is missing; follows it to wherever it goes.
 *
 *   cc asker.c -o asker -lpmig-peer
 *   ./asker alpha:7000 [HOW-MANY [COMMAND]]
 *
 * COMMAND, if there is one, prints where the teller is when it is at none of the addresses that are known: what its home's registry
 * says (find.sh).
 *
 * Built by any compiler, on any machine, without pmig there; built by pmig-cc it can be moved itself, too. */
#include <pmig/pmig_peer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One line, without its end; < 0: there is none. */
static int read_line(struct pmig_peer *p, char *line, size_t size)
{
	for (size_t i = 0; i + 1 < size; i++) {
		ssize_t n = pmig_peer_read(p, line + i, 1);
		if (n <= 0)
			return -1;
		if (line[i] == '\n') {
			line[i] = '\0';
			return 0;
		}
	}
	return -1;
}

/* What a command prints. */
static int look(void *command, char *ret, size_t size)
{
	FILE *f = popen(command, "r");
	size_t n = f != NULL ? fread(ret, 1, size - 1, f) : 0;
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return f != NULL && pclose(f) == 0 && ret[0] != '\0' ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct timespec pace = {.tv_nsec = 10000000};
	struct pmig_peer *p;
	char line[200], from[100] = "", last[100] = "";
	unsigned long many = argc > 2 ? strtoul(argv[2], NULL, 10) : 0, number = 0;
	struct pmig_peer_options options = {
		.address = argc > 1 ? argv[1] : NULL, .find = argc > 3 ? look : NULL, .context = argc > 3 ? argv[3] : NULL};
	if (pmig_peer_connect(&p, &options) < 0) {
		fprintf(stderr, "asker: %s\n", argc < 2 ? "asker HOST:PORT [HOW-MANY [COMMAND]]" : pmig_peer_reason(NULL));
		return 1;
	}
	for (unsigned long i = 1; many == 0 || i <= many; i++) {
		if (pmig_peer_write(p, "\n", 1) != 1 || read_line(p, line, sizeof line) < 0 ||
			sscanf(line, "%lu, from %99s", &number, from) != 2 || number != i) {
			fprintf(stderr, "asker: asked for number %lu: %s\n", i, pmig_peer_reason(p));
			return 1;
		}
		if (strcmp(from, last) != 0)
			printf("number %lu is from %s, at %s\n", number, from, pmig_peer_address(p));
		fflush(stdout);
		strcpy(last, from);
		nanosleep(&pace, NULL);
	}
	printf("%lu numbers, none missing\n", number);
	return pmig_peer_close(p) < 0;
}
