/* cc: pmig-cc's main. */
#include "cc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PMIG_VERSION
#define PMIG_VERSION "0"
#endif

static const char help[] =
	"usage: pmig-cc [OPTION]... FILE...\n"
	"\n"
	"Compiles and links C programs that pmig can move from host to host while they run. It takes the options of clang and\n"
	"GCC (-c, -o, -I, -D, -O, -g, -l, ...), makes ordinary object files, and works on the program as a whole when it is\n"
	"linked: every part of it should be compiled by pmig-cc. Ordinary libraries can be linked; the program cannot be moved\n"
	"while a function of theirs is waiting for one of the program's.\n"
	"\n"
	"Options of its own, for the link:\n"
	"  --safepoints=manual   the program stops only where it calls pmig_safepoint() (the default)\n"
	"  --safepoints=entry    also at the start of each of its functions\n"
	"  --safepoints=loops    also in each round of its loops\n"
	"  --safepoints=auto     also wherever it would otherwise go on for long without one, and only there\n"
	"  --explain[=FILE]      tells which functions were instrumented, why, and what their frames hold\n"
	"  --strict              an unknown external function is an error, not a warning\n"
	"  --no-instrument       merges and optimises only: the program cannot be moved (for finding faults)\n"
	"  --pmig-help           this text\n"
	"\n"
	"PMIG_CC_VERBOSE=1 in the environment prints the commands that are run. Exit status: 0; 1 errors; 2 usage.\n";

static int answer(struct cc_job *job)
{
	int e = cc_compile_pass(job);
	for (size_t i = 0; i < job->arguments.count; i++)
		if (strcmp(job->arguments.items[i], "--version") == 0)
			(void)printf("pmig-cc " PMIG_VERSION ", using the clang above; pmig-cc --pmig-help tells more\n");
	return e;
}

static int run_job(struct cc_job *job)
{
	int e = cc_option_parse(job);
	if (e < 0)
		return e;
	e = cc_run_init(job->verbose);
	if (e < 0)
		return e;
	if (job->goal == CC_ASK)
		return answer(job);
	if (job->goal == CC_PREPROCESS || job->goal == CC_ASSEMBLY)
		return cc_compile_pass(job);
	e = cc_compile_all(job);
	if (e != 0 || job->goal == CC_OBJECT)
		return e;
	return cc_link_program(job);
}

static void finish(struct cc_job *job)
{
	for (size_t i = 0; i < job->inputs_count; i++)
		free(job->inputs[i].object);
	free(job->inputs);
	cc_args_finish(&job->arguments);
	cc_args_finish(&job->compile);
	cc_args_finish(&job->both);
	cc_args_finish(&job->instrument);
}

/* A compiler takes and gives back small blocks most of the time: it is a sixth faster if libc keeps more than seven of each size. */
static void keep_blocks(void)
{
	(void)setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=60000:glibc.malloc.tcache_max=16384", 0);
}

int main(int argc, char **argv)
{
	keep_blocks();
	const char *verbose = getenv("PMIG_CC_VERBOSE");
	struct cc_job job = {.goal = CC_LINK, .verbose = verbose != NULL && *verbose != 0 && strcmp(verbose, "0") != 0};
	if (argc == 2 && strcmp(argv[1], "--pmig-help") == 0)
		return fputs(help, stdout) < 0;
	int e = cc_response_expand(argc, argv, &job.arguments);
	if (e >= 0)
		e = run_job(&job);
	if (e < 0 && e != PMIG_ECANCELLED)
		(void)fprintf(stderr, "pmig-cc: %s\n", pmig_reason());
	finish(&job);
	cc_run_finish();
	return e == PMIG_EINVAL ? 2 : e != 0;
}
