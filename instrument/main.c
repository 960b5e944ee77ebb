/* main: pmig-instrument, the part of pmig-cc that knows LLVM. Called by pmig-cc; `show` is for people. */
#include "emit.h"
#include "instrument.h"
#include "internal.h"
#include "merge.h"
#include "parts.h"
#include "plain.h"
#include "wrap.h"

#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: pmig-instrument wrap INPUT.bc -o OUTPUT.o [--level=0..3] [--source=NAME] [--debug] [--runtime]\n"
	"       pmig-instrument link INPUT -o OUTPUT.o [--level=0..3] [--safepoints=manual|entry|loops|auto] [--strict]\n"
	"                       [--explain[=FILE]] [--foreign=NAME]... [--keep-symbols] [--no-instrument] [--parts=N]\n"
	"       pmig-instrument show INPUT\n"
	"wrap makes an object file out of bitcode; link makes one instrumented object file out of the bitcode in INPUT, which\n"
	"the linker made of such files; show lists the translation units in INPUT. --keep-symbols: the linker was told names of\n"
	"symbols, so that all stay. --parts: code is generated in so many objects (0: as many as are worth it), OUTPUT.o,\n"
	"OUTPUT.o.1 and so on; what must become local once they are joined is named in OUTPUT.o.local. --no-instrument only merges and optimises\n"
	"(a debugging aid: is a fault the driver's or that of the instrumentation?).\n";

enum option_number {
	OPTION_LEVEL = 1,
	OPTION_SOURCE,
	OPTION_DEBUG,
	OPTION_RUNTIME,
	OPTION_SAFEPOINTS,
	OPTION_STRICT,
	OPTION_EXPLAIN,
	OPTION_FOREIGN,
	OPTION_KEEP_SYMBOLS,
	OPTION_NO_INSTRUMENT,
	OPTION_PARTS,
};

static const struct option options[] = {
	{"level", required_argument, NULL, OPTION_LEVEL},
	{"source", required_argument, NULL, OPTION_SOURCE},
	{"debug", no_argument, NULL, OPTION_DEBUG},
	{"runtime", no_argument, NULL, OPTION_RUNTIME},
	{"safepoints", required_argument, NULL, OPTION_SAFEPOINTS},
	{"strict", no_argument, NULL, OPTION_STRICT},
	{"explain", optional_argument, NULL, OPTION_EXPLAIN},
	{"foreign", required_argument, NULL, OPTION_FOREIGN},
	{"keep-symbols", no_argument, NULL, OPTION_KEEP_SYMBOLS},
	{"no-instrument", no_argument, NULL, OPTION_NO_INSTRUMENT},
	{"parts", required_argument, NULL, OPTION_PARTS},
	{0},
};

struct request {
	const char *input, *output;
	int level; /* -1: that of the units */
	bool plain;
	bool keep_symbols;
	unsigned parts;          /* 0: as the module is large */
	struct object_unit unit; /* wrap: without the bitcode */
	struct instrument_options instrument;
	const char *explain; /* "-": standard error */
	const char **foreign;
	size_t foreign_count;
};

static int set_safepoints(struct request *r, const char *word)
{
	static const char *const words[] = {NULL, "manual", "entry", "loops", "auto"};
	for (size_t i = 1; i < sizeof words / sizeof *words; i++)
		if (strcmp(word, words[i]) == 0) {
			r->instrument.safepoints = (enum instrument_safepoints)i;
			return 0;
		}
	return error_set(PMIG_EINVAL, "--safepoints=%s: it must be manual, entry, loops or auto", word);
}

static int set_level(struct request *r, const char *word)
{
	if (word[0] < '0' || word[0] > '3' || word[1] != 0)
		return error_set(PMIG_EINVAL, "--level=%s: it must be 0, 1, 2 or 3", word);
	r->level = r->unit.level = word[0] - '0';
	return 0;
}

static int set_parts(struct request *r, const char *word)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);
	if (*word == 0 || *end != 0 || n > PARTS_MAX)
		return error_set(PMIG_EINVAL, "--parts=%s: it must be 0 to %d", word, PARTS_MAX);
	r->parts = (unsigned)n;
	return 0;
}

static int add_foreign(struct request *r, const char *name)
{
	const char **larger = realloc(r->foreign, (r->foreign_count + 1) * sizeof *larger);
	if (larger == NULL)
		return error_set(PMIG_ENOMEM, "not enough memory");
	r->foreign = larger;
	r->foreign[r->foreign_count++] = name;
	return 0;
}

static int set_option(struct request *r, int option, const char *value)
{
	switch (option) {
	case 'o':
		r->output = value;
		return 0;
	case OPTION_LEVEL:
		return set_level(r, value);
	case OPTION_SOURCE:
		r->unit.source = value;
		return 0;
	case OPTION_DEBUG:
		r->unit.debug = true;
		return 0;
	case OPTION_RUNTIME:
		r->unit.runtime = true;
		return 0;
	case OPTION_SAFEPOINTS:
		return set_safepoints(r, value);
	case OPTION_STRICT:
		r->instrument.strict = true;
		return 0;
	case OPTION_EXPLAIN:
		r->explain = value != NULL ? value : "-";
		return 0;
	case OPTION_FOREIGN:
		return add_foreign(r, value);
	case OPTION_KEEP_SYMBOLS:
		r->keep_symbols = true;
		return 0;
	case OPTION_NO_INSTRUMENT:
		r->plain = true;
		return 0;
	case OPTION_PARTS:
		return set_parts(r, value);
	default:
		return error_set(PMIG_EINVAL, "unknown option (pmig-instrument --help lists them)");
	}
}

static int do_wrap(struct request *r)
{
	struct object_file f;
	int e = object_open(r->input, &f);
	if (e < 0)
		return e;
	r->unit.bitcode = f.bytes;
	r->unit.size = f.size;
	if (r->unit.source == NULL)
		r->unit.source = r->input;
	e = wrap_unit(&r->unit, r->output);
	object_close(&f);
	return e;
}

static int open_explain(struct request *r)
{
	if (r->explain == NULL)
		return 0;
	r->instrument.explain = strcmp(r->explain, "-") == 0 ? stderr : fopen(r->explain, "we");
	if (r->instrument.explain == NULL)
		return error_errno(PMIG_EIO, errno, "--explain: %s cannot be created", r->explain);
	for (size_t i = 0; i < r->foreign_count; i++)
		(void)fprintf(r->instrument.explain,
			"foreign: %s was not compiled by pmig-cc: not here while its functions run\n", r->foreign[i]);
	return 0;
}

static int close_explain(struct request *r)
{
	FILE *f = r->instrument.explain;
	if (f != NULL && f != stderr && fclose(f) != 0)
		return error_errno(PMIG_EIO, errno, "--explain: %s cannot be written", r->explain);
	return 0;
}

/* Returns the number of errors that have been reported, or a negative code. */
static int transform(struct request *r, struct merge_result *merged, LLVMTargetMachineRef machine)
{
	int e = open_explain(r);
	if (e < 0)
		return e;
	r->instrument.debug = merged->debug;
	e = r->plain ? plain_optimise(merged->module, machine, r->instrument.level)
		     : instrument_module(merged->module, machine, &r->instrument);
	int closed = close_explain(r);
	if (e == 0 && !merged->debug) /* lines were only for messages */
		LLVMStripModuleDebugInfo(merged->module);
	return e != 0 ? e : closed;
}

static int link_units(struct request *r, const struct object_file *trace, const void *units, size_t size)
{
	struct merge_result merged;
	LLVMTargetMachineRef machine;
	LLVMContextRef context = LLVMContextCreate();
	int e = merge_units(context, units, size, &merged);
	if (e < 0) {
		LLVMContextDispose(context);
		return e;
	}
	r->instrument.level = r->level >= 0 ? r->level : merged.level;
	e = r->keep_symbols ? 0 : internal_mark(merged.module, trace->bytes, trace->size);
	if (e >= 0)
		e = emit_machine(merged.module, r->instrument.level, &machine);
	if (e >= 0) {
		e = transform(r, &merged, machine);
		unsigned parts = e == 0 ? parts_count(merged.module, r->parts, merged.debug) : 1;
		if (e == 0)
			e = parts == 1 ? emit_object(merged.module, machine, r->output)
				       : parts_emit(merged.module, r->instrument.level, parts, r->output);
		LLVMDisposeTargetMachine(machine);
	}
	LLVMDisposeModule(merged.module);
	LLVMContextDispose(context);
	return e;
}

static int do_link(struct request *r)
{
	struct object_file f;
	const void *units;
	size_t size;
	int e = object_open(r->input, &f);
	if (e < 0)
		return e;
	e = object_find(f.bytes, f.size, &units, &size);
	if (e == 0)
		e = error_set(PMIG_ENOENT, "%s: there is nothing in it that pmig-cc compiled", r->input);
	if (e > 0)
		e = link_units(r, &f, units, size);
	object_close(&f);
	return e;
}

static int do_show(struct request *r)
{
	struct object_file f;
	struct object_unit u;
	const void *units;
	size_t size, offset = 0;
	int e = object_open(r->input, &f);
	if (e < 0)
		return e;
	e = object_find(f.bytes, f.size, &units, &size);
	if (e == 0)
		e = error_set(PMIG_ENOENT, "%s: there is nothing in it that pmig-cc compiled", r->input);
	while (e > 0) {
		e = object_read(units, size, &offset, &u);
		if (e > 0)
			(void)printf("%s: -O%d%s%s, %zu bytes of bitcode\n", u.source, u.level, u.debug ? " -g" : "",
				u.runtime ? ", of pmig" : "", u.size);
	}
	object_close(&f);
	return e;
}

static const struct verb {
	const char *name;
	bool needs_output;
	int (*run)(struct request *r);
} verbs[] = {
	{"wrap", true, do_wrap},
	{"link", true, do_link},
	{"show", false, do_show},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (name != NULL && strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

static int parse(struct request *r, int argc, char **argv, bool needs_output)
{
	int option;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		int e = set_option(r, option, optarg);
		if (e < 0)
			return e;
	}
	if (argc - optind != 1)
		return error_set(PMIG_EINVAL, "one input file is needed");
	r->input = argv[optind];
	if (needs_output && r->output == NULL)
		return error_set(PMIG_EINVAL, "-o is missing");
	return 0;
}

int main(int argc, char **argv)
{
	struct request r = {.level = -1, .parts = 1, .instrument.safepoints = INSTRUMENT_MANUAL};
	const struct verb *verb = find_verb(argv[1]);
	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return fputs(usage, stdout) < 0;
	if (verb == NULL) {
		(void)fputs(usage, stderr);
		return 2;
	}
	int e = parse(&r, argc - 1, argv + 1, verb->needs_output);
	bool usable = e >= 0;
	if (usable)
		e = verb->run(&r);
	if (e < 0)
		(void)fprintf(stderr, "pmig-cc: %s\n", pmig_reason());
	free(r.foreign);
	return !usable ? 2 : e != 0;
}
