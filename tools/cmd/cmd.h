/* cmd: what the verbs of pmig share: the table, options, help, and the way to the supervisor of a program. */
#ifndef PMIG_CMD_H
#define PMIG_CMD_H

#include "runtime/base/error.h"

#include <jansson.h>
#include <limits.h>
#include <pmig/port.h>

#define CMD_USAGE 2

#define CMD_TEXTS_MAX 64

struct cmd_option {
	char letter; /* 0: long only */
	const char *name;
	const char *argument; /* "N"; NULL: none; "N...": it may be given several times */
	const char *words;
	const char **text; /* where the argument goes; "N...": CMD_TEXTS_MAX + 1 places, the last ones NULL; NULL: into flag */
	bool *flag;
};

struct cmd_verb {
	const char *name;
	int (*function)(int argc, char **argv);
	const char *synopsis;
	const char *words;
};

const struct cmd_verb *cmd_verbs(size_t *ret_count);
const struct cmd_verb *cmd_verb(const char *name); /* NULL: there is none */

/* Parses the options of `verb` (table ends with a NULL name; --help is understood everywhere) and leaves operands at
 * argv[*ret_first]; between `least` and `most` of them. Returns 0, or the exit status + 1 to leave with. `examples`: shown by --help. */
int cmd_parse(const char *verb, int argc, char **argv, const struct cmd_option *options, const char *examples, int least,
	int most, int *ret_first) PMIG_MUST_CHECK;

/* Prints "pmig VERB: reason" and returns the exit status for `code`. */
int cmd_fail(const char *verb, int code);

/* The absolute paths of `files` (the last is NULL), a line each, as struct supervisor_options has `kinds`; free(). NULL for none. Errors: PMIG_ENOENT,
 * PMIG_EINVAL (an end of line in its name), PMIG_ENOMEM. */
int cmd_paths(const char *const *files, char **ret_paths) PMIG_MUST_CHECK;

/* A policy file that was checked: its absolute path, and its text, free(). */
int cmd_policy(const char *path, char ret_path[PATH_MAX], char **ret_text) PMIG_MUST_CHECK;

/* The width of the terminal on standard output; 0 where that is none. */
int cmd_columns(void);

/* The state directory; the registry in it. */
int cmd_state(char ret_path[PATH_MAX]) PMIG_MUST_CHECK;
int cmd_store(struct pmig_store **ret_store) PMIG_MUST_CHECK;
int cmd_find(const char *name, struct pmig_process_row **ret_row) PMIG_MUST_CHECK; /* PMIG_ENOENT, in words for people */

/* Sends `request` (taken) to the supervisor of `name` and calls `line` for every object that comes back, until one has "done". Returns
 * its "code" (the reason is pmig_reason()); PMIG_ENOENT: no supervisor of that name answers. While it waits, SIGINT sends {"do":
 * "cancel"}. */
int cmd_call(const char *name, json_t *request, void (*line)(void *context, const json_t *object),
	void *context) PMIG_MUST_CHECK;

/* The parent waits until the program runs and prints its name, or ends as the child does; the child goes on without a terminal, and
 * tells the name by *ret_ready. Returns 0 in the child, 125 where it could not be made. */
int cmd_detach(int *ret_ready) PMIG_MUST_CHECK;

#define VERB(name, function, synopsis, words) int cmd_##function(int argc, char **argv);
#include "tools/tbl/verb.h"
#undef VERB

#endif
