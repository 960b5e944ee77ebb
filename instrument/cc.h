/* cc: pmig-cc, the C compiler and linker for programs that migrate, in parts.
 *
 * A job goes: cc_response (expands @file) -> cc_option (understands the command line) -> cc_compile (each source becomes an
 * object, object.h) -> cc_link (trace, instrument, final link). cc_run starts the tools, cc_place knows where they are. */
#ifndef PMIG_INSTRUMENT_CC_H
#define PMIG_INSTRUMENT_CC_H

#include <base/error.h>

#include <stdbool.h>
#include <stddef.h>

/* A growing list of words, ended by NULL for exec. Zero-initialised is empty. */
struct cc_args {
	char **items;
	size_t count, room;
};

void cc_args_add(struct cc_args *a, const char *word); /* copies */
void cc_args_format(struct cc_args *a, const char *format, ...) PMIG_PRINTF(2, 3);
void cc_args_append(struct cc_args *a, const struct cc_args *more);
void cc_args_finish(struct cc_args *a);

/* What is asked for. */
enum cc_goal {
	CC_LINK = 1,
	CC_OBJECT,      /* -c */
	CC_ASSEMBLY,    /* -S */
	CC_PREPROCESS,  /* -E, -M, -MM */
	CC_RELOCATABLE, /* -r: the linker joins objects */
	CC_ASK,         /* --version, -print-..., -dumpmachine: clang answers */
};

enum cc_kind {
	CC_WORD = 1, /* an option for the linker, at its place among the files */
	CC_C,
	CC_ASSEMBLER,
	CC_LINKED /* an object, archive, library or linker script */
};

/* One word of the linker's command line. */
struct cc_input {
	enum cc_kind kind;
	const char *text;     /* borrowed from the arguments */
	const char *language; /* -x; NULL: by the suffix */
	char *object;         /* what a source was compiled to */
};

struct cc_job {
	enum cc_goal goal;
	struct cc_args arguments;  /* the expanded command line, without the program's name */
	struct cc_args compile;    /* for clang when it compiles */
	struct cc_args both;       /* for clang when it compiles or links */
	struct cc_args instrument; /* for pmig-instrument link */
	struct cc_input *inputs;
	size_t inputs_count, inputs_room;
	size_t sources_count;
	const char *output;      /* -o; NULL: the default */
	const char *language;    /* while parsing: the last -x */
	int level;               /* 0..3 */
	bool debug;              /* -g */
	bool verbose;            /* -v or PMIG_CC_VERBOSE */
	bool dependencies;       /* -MD, -MMD */
	bool dependencies_named; /* -MF */
	bool target_named;       /* -MT, -MQ */
	bool build_id;           /* the user has chosen one */
	bool no_instrument;      /* --no-instrument */
	bool runtime;            /* --pmig-runtime: compiles a part of pmig itself */
	const char *libpmig;     /* --libpmig=FILE: the runtime to link; NULL: the one that was installed */
	bool no_runtime;         /* -nostdlib: the user wants nothing but the own objects */
};

/* Expands @file words. Errors: PMIG_ENOENT, PMIG_EIO, PMIG_EINVAL (nested too deeply, unended quotation). */
PMIG_MUST_CHECK int cc_response_expand(int argc, char **argv, struct cc_args *ret_args);

/* Understands job->arguments. Errors: PMIG_EINVAL (usage), PMIG_ENOSUPPORT (an option that migration excludes, in words). */
PMIG_MUST_CHECK int cc_option_parse(struct cc_job *job);

/* Compiles every source among the inputs, for -c to its output, for a link into the scratch directory.
 * Returns an exit status, or a negative code. */
PMIG_MUST_CHECK int cc_compile_all(struct cc_job *job);

/* Lets clang preprocess, assemble to text, or answer. Returns as above. */
PMIG_MUST_CHECK int cc_compile_pass(struct cc_job *job);

/* Links; cc_compile_all() has been called. Returns as above. */
PMIG_MUST_CHECK int cc_link_program(struct cc_job *job);

/* Is `path` an archive with members, all of which pmig-cc compiled? */
bool cc_archive_is_ours(const char *path);

/* The archive that -l`library` means, if it lies in one of the -L directories; NULL otherwise. The caller frees it. */
char *cc_archive_find(const struct cc_job *job, const char *library);

/* Sets the signals up, so that cc_run_finish() is reached on each of them. */
PMIG_MUST_CHECK int cc_run_init(bool verbose);

/* Runs a tool and waits. `quiet_path`, if not NULL: where its output and errors go instead.
 * Returns its exit status. Errors: PMIG_ENOENT, PMIG_EIO (also a tool that a signal ended), PMIG_ECANCELLED (we were
 * asked to end). */
PMIG_MUST_CHECK int cc_run_tool(const struct cc_args *args, const char *quiet_path);

/* The path of a new file `name` in this run's scratch directory; the caller frees it. Errors: PMIG_EIO, PMIG_ENOMEM. */
PMIG_MUST_CHECK int cc_run_scratch(const char *name, char **ret_path);

/* Removes the scratch directory; ends the process by the signal that ended its work, if one did. */
void cc_run_finish(void);

/* Where the parts lie, relative to this executable, in the build tree as when installed; static strings. */
const char *cc_place_clang(void);
const char *cc_place_gcc(void); /* for links; NULL: not there */
const char *cc_place_instrument(void);
const char *cc_place_include(void); /* NULL: not there */
const char *cc_place_library(void); /* the directory of libpmig.o; NULL: not there */

#endif
