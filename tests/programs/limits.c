/* limits: what a process set about itself: resource limits, priority, umask, name, process group, time used by children. One round for each
 * line of input ("end" ends it), or as many as the argument says. Prints one line a round, and on standard error whatever is not as it was. */
#define _GNU_SOURCE
#include <pmig/pmig.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 65536 /* that a file may have: less than an image */
#define NUMBER 300       /* of a descriptor, beyond how many there may be from then on */
#define MEMORY (4 << 20)

static struct rlimit files, core, processor, size;
static unsigned char *memory;
static int failures;

#define CHECK(what) check(what, #what)

static void check(int good, const char *words)
{
	if (good)
		return;
	fprintf(stderr, "not as it was: %s\n", words);
	failures++;
}

static void begin(void)
{
	memory = malloc(MEMORY);
	for (int i = 0; i < MEMORY; i++)
		memory[i] = (unsigned char)(i * 7 + i / 4096);
	getrlimit(RLIMIT_FSIZE, &size);
	size.rlim_cur = FILE_BYTES;
	CHECK(dup2(open("/dev/null", O_WRONLY), NUMBER) == NUMBER && setrlimit(RLIMIT_FSIZE, &size) == 0);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = 256;
	core = (struct rlimit){0, 4096};
	getrlimit(RLIMIT_CPU, &processor);
	processor.rlim_cur = 4000;
	CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0 && setrlimit(RLIMIT_CORE, &core) == 0 &&
		setrlimit(RLIMIT_CPU, &processor) == 0);
	CHECK(setpriority(PRIO_PROCESS, 0, 7) == 0 && prctl(PR_SET_NAME, "of its own") == 0);
	umask(037);
}

static void look(void)
{
	struct rlimit l;
	char name[16];
	CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == 256);
	CHECK(write(NUMBER, "x", 1) == 1 && dup2(NUMBER, NUMBER + 1) == -1 &&
		memory[MEMORY - 1] == (unsigned char)(MEMORY / 4096 - 8));
	CHECK(getrlimit(RLIMIT_FSIZE, &l) == 0 && l.rlim_cur == FILE_BYTES);
	CHECK(getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_cur == 0);
	CHECK(getrlimit(RLIMIT_CPU, &l) == 0 && l.rlim_cur == 4000);
	CHECK(getpriority(PRIO_PROCESS, 0) == 7 && nice(0) == 7);
	CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "of its own") == 0);
	mode_t mask = umask(037);
	CHECK(mask == 037 && getpgrp() == getpid());
}

static int next_round(long left)
{
	char line[64];
	if (left >= 0) {
		for (int i = 0; i < 3; i++)
			pmig_safepoint();
		return left > 0;
	}
	return fgets(line, sizeof line, stdin) != NULL && strcmp(line, "end\n") != 0;
}

int main(int argc, char **argv)
{
	long left = argc > 1 ? strtol(argv[1], NULL, 10) : -1;
	if (left >= 0)
		setpgid(0, 0);
	begin();
	for (int round = 0; next_round(left < 0 ? left : left--); round++) {
		char host[65] = "";
		gethostname(host, sizeof host - 1);
		look();
		printf("round %d%s%s\n", round, argc > 1 ? "" : " at ", argc > 1 ? "" : host);
		fflush(stdout);
	}
	return failures != 0;
}
