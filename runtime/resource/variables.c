/* variables: a table of libc's variables. The linker puts one that a program uses into the executable, where the instrumenter does
 * not see it. */
#include "variables.h"

#include "../arena/arena.h"

#include <argp.h>
#include <error.h>
#include <obstack.h>
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

extern int rexecoptions, __check_rhosts_file; /* NOLINT: libc's names; no header has them */

/* The linker's: between them lies the executable, whose addresses stay. */
extern char __executable_start[], end[];

enum type { INT = 1, UNSIGNED, LONG, POINTER };

#define VARIABLE(name, type) {&(name), type, #name}

static const struct {
	void *at;
	enum type type;
	const char *name;
} variables[] = {
	VARIABLE(error_message_count, UNSIGNED),
	VARIABLE(error_one_per_line, INT),
	VARIABLE(error_print_progname, POINTER),
	VARIABLE(obstack_alloc_failed_handler, POINTER),
	VARIABLE(obstack_exit_failure, INT),
	VARIABLE(argp_err_exit_status, INT),
	VARIABLE(argp_program_bug_address, POINTER),
	VARIABLE(argp_program_version, POINTER),
	VARIABLE(argp_program_version_hook, POINTER),
	VARIABLE(re_syntax_options, LONG),
	VARIABLE(getdate_err, INT),
	VARIABLE(rexecoptions, INT),
	VARIABLE(__check_rhosts_file, INT),
};
#define VARIABLES (sizeof variables / sizeof *variables)

static size_t size_of(enum type t)
{
	return t == POINTER || t == LONG ? sizeof(uint64_t) : sizeof(uint32_t);
}

/* What libc itself has put there, it puts there again. */
static bool of_program(uint64_t value)
{
	return value == 0 || arena_contains((const void *)(uintptr_t)value) || // NOLINT: a pointer that was saved
		value - (uintptr_t)__executable_start < (uintptr_t)(end - __executable_start);
}

int variables_save(struct record_writer *w)
{
	record_put_u32(w, VARIABLES);
	for (size_t i = 0; i < VARIABLES; i++) {
		uint64_t value = 0;
		memcpy(&value, variables[i].at, size_of(variables[i].type));
		record_put_u32(w, variables[i].type != POINTER || of_program(value));
		record_put_u64(w, value);
	}
	return record_check(w);
}

int variables_restore(struct record_reader *r)
{
	uint32_t n = record_get_u32(r);
	for (uint32_t i = 0; i < n && !r->failed; i++) {
		bool mine = record_get_u32(r) != 0;
		uint64_t value = record_get_u64(r);
		if (mine && i < VARIABLES && (variables[i].type != POINTER || of_program(value)))
			memcpy(variables[i].at, &value, size_of(variables[i].type));
	}
	return 0;
}
