/* step: a point at which a program of this folder may be moved. `./program` runs through; `./program slowly` waits at each step
 * for a line on its input (or its end), so that a test can move it there. */
#ifndef STEP_H
#define STEP_H

#include <pmig/pmig.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int step_slowly, step_number;
static const char *step_place; /* a folder for files, that every host has: PMIG_TEST_PLACE */

static inline void step_start(int argc, char **argv)
{
	step_slowly = argc > 1 && strcmp(argv[1], "slowly") == 0;
	step_place = getenv("PMIG_TEST_PLACE") != NULL ? getenv("PMIG_TEST_PLACE") : "/tmp";
}

static inline void step(void)
{
	char c = 0;
	pmig_safepoint();
	if (!step_slowly)
		return;
	(void)dprintf(2, "step %d\n", ++step_number);
	for (;;) {
		struct pollfd input = {.fd = 0, .events = POLLIN};
		while (poll(&input, 1, 10) <= 0)
			pmig_safepoint();
		if (read(0, &c, 1) <= 0 || c == '\n')
			return;
	}
}

/* Something that must hold; the program ends with 1 at the first that does not. */
#define HOLDS(what) \
	do { \
		if (!(what)) { \
			(void)dprintf(2, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #what); \
			_exit(1); \
		} \
	} while (0)

#endif
