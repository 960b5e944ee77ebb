/* bound PLACES: how many instructions of its own a program executes at most between two polls. Reads what
 * `valgrind --tool=lackey --trace-mem=yes` says of the program. PLACES is a file of lines, numbers in hexadecimal:
 *   start ADDRESS         of main: what comes before does not count
 *   own ADDRESS SIZE      code that counts
 *   other ADDRESS SIZE    code within that does not
 *   poll ADDRESS          an instruction that looks at the flag
 * Prints "N instructions, P polls, at most M between two, up to ADDRESS". */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OTHER, OWN, POLL };

static struct {
	uint64_t start, low, high;
	unsigned char *kind; /* of the instruction at each address from `low` on */
} code = {.low = UINT64_MAX};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void mark(uint64_t from, uint64_t size, unsigned char kind)
{
	for (uint64_t a = from; a < from + size; a++)
		if (a >= code.low && a < code.high)
			code.kind[a - code.low] = kind;
}

/* First how large the code is, then what it is. */
static void read_line(const char *word, uint64_t at, uint64_t size, int pass)
{
	static const char *const words[] = {"other", "own", "poll"};
	if (strcmp(word, "start") == 0)
		code.start = at;
	if (pass == 0 && strcmp(word, "own") == 0) {
		code.low = at < code.low ? at : code.low;
		code.high = at + size > code.high ? at + size : code.high;
	}
	for (unsigned char k = OTHER; pass == 1 && k <= POLL; k++)
		if (strcmp(word, words[k]) == 0)
			mark(at, size, k);
}

static void read_places(const char *path)
{
	char line[256], word[16];
	FILE *f = fopen(path, "re");
	if (f == NULL)
		die(path);
	for (int pass = 0; pass < 2; pass++) {
		rewind(f);
		while (fgets(line, sizeof line, f) != NULL) {
			uint64_t at = 0, size = 1;
			if (sscanf(line, "%15s %" SCNx64 " %" SCNx64, word, &at, &size) >= 2) // NOLINT(cert-err34-c)
				read_line(word, at, size, pass);
		}
		if (pass == 0 && code.high > code.low)
			code.kind = calloc(code.high - code.low, 1);
		if (code.kind == NULL)
			die(path);
	}
	(void)fclose(f);
}

int main(int argc, char **argv)
{
	char line[256];
	uint64_t count = 0, polls = 0, since = 0, longest = 0, where = 0;
	if (argc != 2) {
		(void)fputs("usage: valgrind --tool=lackey --trace-mem=yes PROGRAM 2>&1 | bound PLACES\n", stderr);
		return 2;
	}
	read_places(argv[1]);
	for (int started = 0; fgets(line, sizeof line, stdin) != NULL;) {
		if (strncmp(line, "I  ", 3) != 0)
			continue;
		uint64_t at = strtoull(line + 3, NULL, 16);
		started = started || at == code.start;
		unsigned char kind = at >= code.low && at < code.high ? code.kind[at - code.low] : OTHER;
		if (!started || kind == OTHER)
			continue;
		count++;
		if (++since > longest) {
			longest = since;
			where = at;
		}
		if (kind == POLL) {
			polls++;
			since = 0;
		}
	}
	(void)printf("%" PRIu64 " instructions, %" PRIu64 " polls, at most %" PRIu64 " between two, up to %" PRIx64 "\n",
		count, polls, longest, where);
	return 0;
}
