/* context: each item saves and restores itself; the table at the end says in which order. */
#include "context.h"

#include "conversion.h"
#include "kernel.h"
#include "limits.h"
#include "locales.h"
#include "variables.h"
#include "zone.h"

#include "../arena/arena.h"
#include "../arena/malloc.h"
#include "../children.h"
#include "../control_channel.h"
#include "../frame/program.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RANDOM_STATE 128 /* bytes: what libc starts with, so that the numbers are the same */

static const char *wanted_directory; /* during context_restore() */

/* What belongs to this process alone. */
static int save_alone(struct record_writer *w)
{
	(void)w;
	return children_save();
}

static int restore_nothing(struct record_reader *r)
{
	(void)r;
	return 0;
}

static int save_directory(struct record_writer *w)
{
	char path[PATH_MAX];
	if (getcwd(path, sizeof path) == NULL || path[0] != '/')
		return error_errno(PMIG_EREFUSED, path[0] == '/' ? errno : ENOENT,
			"its working directory has no name any more");
	record_put_text(w, path);
	return 0;
}

static int restore_directory(struct record_reader *r)
{
	const char *path = record_get_text(r);
	const char *to = wanted_directory != NULL ? wanted_directory : path;
	if (record_reader_check(r) >= 0 && chdir(to) < 0)
		return error_errno(PMIG_EREFUSED, errno,
			"its working directory %s cannot be entered here; create it, or name another one", to);
	return 0;
}

static int save_umask(struct record_writer *w)
{
	mode_t now = umask(0);
	(void)umask(now);
	record_put_u32(w, now);
	return 0;
}

static int restore_umask(struct record_reader *r)
{
	(void)umask((mode_t)record_get_u32(r) & 0777);
	return 0;
}

static int save_limits(struct record_writer *w)
{
	limits_save(w);
	return 0;
}

static int restore_limits(struct record_reader *r)
{
	limits_restore(r);
	return 0;
}

static int save_identity(struct record_writer *w)
{
	char name[16] = "";
	(void)prctl(PR_GET_NAME, name);
	record_put_text(w, name);
	errno = 0;
	record_put_u32(w, (uint32_t)getpriority(PRIO_PROCESS, 0));
	return 0;
}

static int restore_identity(struct record_reader *r)
{
	const char *name = record_get_text(r);
	int priority = (int)record_get_u32(r);
	(void)prctl(PR_SET_NAME, name);
	(void)setpriority(PRIO_PROCESS, 0, priority);
	return 0;
}

static const int categories[] = {LC_CTYPE, LC_NUMERIC, LC_TIME, LC_COLLATE, LC_MONETARY, LC_MESSAGES, LC_PAPER, LC_NAME,
	LC_ADDRESS, LC_TELEPHONE, LC_MEASUREMENT, LC_IDENTIFICATION};

static int save_locale(struct record_writer *w)
{
	for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
		record_put_text(w, setlocale(categories[i], NULL));
	return 0;
}

static int restore_locale(struct record_reader *r)
{
	for (size_t i = 0; i < sizeof categories / sizeof *categories; i++) {
		const char *name = record_get_text(r);
		if (!r->failed && locale_process_set(categories[i], name) == NULL)
			return error_set(PMIG_EREFUSED, "its locale %s is not installed here", name);
	}
	tzset(); /* TZ is in the environment, which is back already */
	int e = r->failed ? 0 : locales_restore();
	if (e >= 0 && !r->failed)
		e = conversion_restore();
	if (e >= 0)
		locales_announce();
	if (e >= 0)
		locales_use();
	return e;
}

/* libc writes the position into the state when another one takes its place. */
static int save_random(struct record_writer *w)
{
	static char other[RANDOM_STATE];
	char *state = initstate(1, other, sizeof other);
	if (state == NULL || setstate(state) == NULL)
		return error_set(PMIG_EIO, "the state of random() cannot be had");
	record_put_u64(w, (uintptr_t)state);
	return 0;
}

static bool of_program(const void *p)
{
	for (uint32_t i = 0; i < pmig_program.globals_count; i++)
		if ((uintptr_t)p - (uintptr_t)pmig_program.globals[i].address < pmig_program.globals[i].size)
			return true;
	return arena_contains(p);
}

static int restore_random(struct record_reader *r)
{
	char *state = (char *)(uintptr_t)record_get_u64(r);
	if (!r->failed && of_program(state) && setstate(state) == NULL)
		return error_set(PMIG_ECORRUPT, "%s: the state of random() is damaged", r->what);
	return 0;
}

#pragma weak signgam /* a program without libm has none */

/* Variables of libc that the linker put into the executable, where the instrumenter does not see them. */
static int save_variables(struct record_writer *w)
{
	record_put_u64(w, (uintptr_t)optarg);
	const int numbers[] = {optind, opterr, optopt, &signgam != NULL ? signgam : 0};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		record_put_u32(w, (uint32_t)numbers[i]);
	return 0;
}

static int restore_variables(struct record_reader *r)
{
	optarg = (char *)(uintptr_t)record_get_u64(r);
	int *const numbers[] = {&optind, &opterr, &optopt, &signgam};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		int number = (int)record_get_u32(r);
		if (numbers[i] != NULL)
			*numbers[i] = number;
	}
	return 0;
}

/* Rounding and traps; the sticky exceptions too. */
static int save_floating(struct record_writer *w)
{
	uint32_t sse = 0;
	uint16_t x87 = 0;
#if defined(__x86_64__)
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(sse), "=m"(x87));
#endif
	record_put_u32(w, sse);
	record_put_u32(w, x87);
	return 0;
}

static int restore_floating(struct record_reader *r)
{
	uint32_t sse = record_get_u32(r) & 0xffbf;
	uint16_t x87 = (uint16_t)record_get_u32(r);
	if (r->failed)
		return 0;
#if defined(__x86_64__)
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(sse), "m"(x87));
#endif
	(void)sse, (void)x87;
	return 0;
}

static const struct {
	int (*save)(struct record_writer *w);
	int (*restore)(struct record_reader *r);
} items[] = {
	{save_alone, restore_nothing},
	{save_limits, restore_limits},
	{save_directory, restore_directory},
	{save_umask, restore_umask},
	{save_identity, restore_identity},
	{kernel_save, kernel_restore},
	{zone_save, zone_restore},
	{save_locale, restore_locale},
	{save_random, restore_random},
	{save_variables, restore_variables},
	{variables_save, variables_restore},
	{save_floating, restore_floating},
};

int context_start(void)
{
	kernel_start();
	if (control_descriptor() >= 0)
		locales_announce(); /* what libraries set before main() */
	char *state = pmig_calloc(1, RANDOM_STATE);
	if (state == NULL || initstate(1, state, RANDOM_STATE) == NULL)
		return error_set(PMIG_ENOMEM, "no memory for the state of random()");
	return 0;
}

int context_save(struct record_writer *w)
{
	for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
		int r = items[i].save(w);
		if (r < 0)
			return error_prefix(r, "the process");
	}
	return record_check(w);
}

int context_restore(struct record_reader *r, const char *directory)
{
	wanted_directory = directory;
	int e = 0;
	for (size_t i = 0; i < sizeof items / sizeof *items && e >= 0; i++)
		e = items[i].restore(r);
	if (e >= 0)
		e = record_reader_check(r);
	return e < 0 ? error_prefix(e, "the process") : 0;
}
