/* cc_option: understands the command line by the table tbl/cc_option.h. */
#include "cc.h"

#include <stdlib.h>
#include <string.h>

enum form {
	EXACT = 1,
	PREFIX,
	NEXT,
	EITHER,
};

enum action {
	GOAL_OBJECT = 1,
	GOAL_ASSEMBLY,
	GOAL_PREPROCESS,
	GOAL_RELOCATABLE,
	ASK,
	VERBOSE,
	OUTPUT,
	LANGUAGE,
	INSTRUMENT,
	PLAIN,
	RUNTIME,
	LIBPMIG,
	DEPENDENCIES,
	DEPENDENCIES_FILE,
	DEPENDENCIES_TARGET,
	LEVEL,
	DEBUG,
	NO_DEBUG,
	COMPILE,
	BUILD_ID,
	LINK,
	NO_RUNTIME,
	BOTH,
	DROP,
	REFUSE,
};

static const struct rule {
	const char *name;
	enum form form;
	enum action action;
	const char *words;
} rules[] = {
#define CC_OPTION(name, form, action, words) {name, form, action, words},
#include "tbl/cc_option.h"
#undef CC_OPTION
};

static const struct rule other = {"", PREFIX, BOTH, NULL};

/* Suffixes of sources; what is not here is for the linker. */
static const struct suffix {
	const char *text;
	enum cc_kind kind; /* 0: refused */
	const char *words;
} suffixes[] = {
	{".c", CC_C, NULL},
	{".i", CC_C, NULL},
	{".s", CC_ASSEMBLER, NULL},
	{".S", CC_ASSEMBLER, NULL},
	{".sx", CC_ASSEMBLER, NULL},
	{".h", 0, "there are no precompiled headers"},
	{".C", 0, "C++ programs do not migrate yet"},
	{".cc", 0, "C++ programs do not migrate yet"},
	{".cp", 0, "C++ programs do not migrate yet"},
	{".cpp", 0, "C++ programs do not migrate yet"},
	{".cxx", 0, "C++ programs do not migrate yet"},
	{".ii", 0, "C++ programs do not migrate yet"},
	{".m", 0, "Objective-C programs do not migrate yet"},
	{".ll", 0, "only C sources are compiled"},
	{".bc", 0, "only C sources are compiled"},
};

static const struct rule *find_rule(const char *word)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		const struct rule *r = &rules[i];
		size_t n = strlen(r->name);
		bool whole = r->form == EXACT || r->form == NEXT;
		if (strncmp(word, r->name, n) == 0 && (!whole || word[n] == 0))
			return r;
	}
	return &other;
}

static struct cc_input *add_input(struct cc_job *job, enum cc_kind kind, const char *text)
{
	if (job->inputs_count == job->inputs_room) {
		job->inputs_room = job->inputs_room ? job->inputs_room * 2 : 32;
		job->inputs = realloc(job->inputs, job->inputs_room * sizeof *job->inputs);
		if (job->inputs == NULL)
			abort();
	}
	struct cc_input *in = &job->inputs[job->inputs_count++];
	*in = (struct cc_input){.kind = kind, .text = text};
	return in;
}

static int kind_of_language(const char *language, enum cc_kind *ret_kind)
{
	if (strcmp(language, "c") == 0 || strcmp(language, "cpp-output") == 0)
		*ret_kind = CC_C;
	else if (strcmp(language, "assembler") == 0 || strcmp(language, "assembler-with-cpp") == 0)
		*ret_kind = CC_ASSEMBLER;
	else
		return error_set(PMIG_ENOSUPPORT, "-x %s: only C programs migrate", language);
	return 0;
}

static int kind_of_file(const char *path, enum cc_kind *ret_kind)
{
	const char *dot = strrchr(path, '.');
	*ret_kind = CC_LINKED;
	for (size_t i = 0; dot != NULL && i < sizeof suffixes / sizeof *suffixes; i++) {
		if (strcmp(dot, suffixes[i].text) != 0)
			continue;
		if (suffixes[i].kind == 0)
			return error_set(PMIG_ENOSUPPORT, "%s: %s", path, suffixes[i].words);
		*ret_kind = suffixes[i].kind;
	}
	return 0;
}

/* What the file words are, once the goal is known: for -E everything is a source. */
static int classify(struct cc_job *job)
{
	for (size_t i = 0; i < job->inputs_count; i++) {
		struct cc_input *in = &job->inputs[i];
		int e = 0;
		if (in->kind == CC_WORD)
			continue;
		if (in->language != NULL)
			e = kind_of_language(in->language, &in->kind);
		else if (job->goal == CC_PREPROCESS || strcmp(in->text, "-") == 0)
			in->kind = CC_C; /* clang itself asks for -x where it matters */
		else
			e = kind_of_file(in->text, &in->kind);
		if (e < 0)
			return e;
		job->sources_count += in->kind != CC_LINKED;
	}
	return 0;
}

/* An option and its value as they were written. */
static void add_words(struct cc_args *to, const char *word, const char *next)
{
	cc_args_add(to, word);
	if (next != NULL)
		cc_args_add(to, next);
}

static void set_goal(struct cc_job *job, enum cc_goal goal)
{
	static const enum cc_goal order[] = {CC_LINK, CC_OBJECT, CC_ASSEMBLY, CC_PREPROCESS, CC_RELOCATABLE, CC_ASK};
	for (size_t i = sizeof order / sizeof *order; i-- > 0 && order[i] != job->goal;)
		if (order[i] == goal)
			job->goal = goal;
}

/* The options that change the job beyond adding words to a command. */
static void set_job(struct cc_job *job, enum action action, const char *words, const char *value)
{
	switch (action) {
	case GOAL_OBJECT:
		set_goal(job, CC_OBJECT);
		break;
	case GOAL_ASSEMBLY:
		set_goal(job, CC_ASSEMBLY);
		break;
	case GOAL_PREPROCESS:
		set_goal(job, CC_PREPROCESS);
		break;
	case GOAL_RELOCATABLE:
		set_goal(job, CC_RELOCATABLE);
		break;
	case ASK:
		set_goal(job, CC_ASK);
		break;
	case VERBOSE:
		job->verbose = true;
		break;
	case OUTPUT:
		job->output = value;
		break;
	case LANGUAGE:
		job->language = strcmp(value, "none") == 0 ? NULL : value;
		break;
	case PLAIN:
		job->no_instrument = true;
		break;
	case RUNTIME:
		job->runtime = true;
		break;
	case LIBPMIG:
		job->libpmig = value;
		break;
	case DEPENDENCIES:
		job->dependencies = true;
		break;
	case DEPENDENCIES_FILE:
		job->dependencies_named = true;
		break;
	case DEPENDENCIES_TARGET:
		job->target_named = true;
		break;
	case LEVEL:
		job->level = words[0] - '0';
		break;
	case DEBUG:
	case NO_DEBUG:
		job->debug = action == DEBUG;
		break;
	case BUILD_ID:
		job->build_id = true;
		break;
	case NO_RUNTIME:
		job->no_runtime = true;
		break;
	default:
		break;
	}
}

/* Which command an option's words go to; NULL: none. */
static struct cc_args *command_of(struct cc_job *job, enum action action)
{
	switch (action) {
	case GOAL_PREPROCESS:
	case DEPENDENCIES:
	case DEPENDENCIES_FILE:
	case DEPENDENCIES_TARGET:
	case LEVEL:
	case DEBUG:
	case COMPILE:
		return &job->compile;
	case VERBOSE:
	case BOTH:
		return &job->both;
	case INSTRUMENT:
	case PLAIN:
		return &job->instrument;
	default:
		return NULL;
	}
}

static int apply(struct cc_job *job, const struct rule *r, const char *word, const char *next, const char *value)
{
	if (r->action == REFUSE)
		return error_set(PMIG_ENOSUPPORT, "%s: %s", word, r->words);
	set_job(job, r->action, r->words, value);
	struct cc_args *command = command_of(job, r->action);
	if (command != NULL)
		add_words(command, word, next);
	if (r->action == LINK || r->action == BUILD_ID || r->action == NO_RUNTIME) {
		(void)add_input(job, CC_WORD, word);
		if (next != NULL)
			(void)add_input(job, CC_WORD, next);
	}
	return 0;
}

static int check(const struct cc_job *job)
{
	bool each = job->goal == CC_OBJECT || job->goal == CC_ASSEMBLY;
	if (job->goal == CC_ASK)
		return 0;
	size_t files = 0;
	for (size_t i = 0; i < job->inputs_count; i++)
		files += job->inputs[i].kind != CC_WORD;
	if (files == 0)
		return error_set(PMIG_EINVAL, "no input files");
	if (each && job->sources_count == 0)
		return error_set(PMIG_EINVAL, "%s: there is nothing to compile", job->inputs[0].text);
	if (each && job->sources_count > 1 && job->output != NULL)
		return error_set(PMIG_EINVAL, "-o %s: it cannot be the output of %zu sources", job->output,
			job->sources_count);
	return 0;
}

int cc_option_parse(struct cc_job *job)
{
	struct cc_args *a = &job->arguments;
	for (size_t i = 0; i < a->count; i++) {
		const char *word = a->items[i];
		if (word[0] != '-' || word[1] == 0) {
			add_input(job, CC_LINKED, word)->language = job->language;
			continue;
		}
		const struct rule *r = find_rule(word);
		const char *value = word + strlen(r->name);
		const char *next = NULL;
		if (r->form == NEXT || (r->form == EITHER && *value == 0)) {
			if (i + 1 == a->count)
				return error_set(PMIG_EINVAL, "%s: its value is missing", word);
			next = value = a->items[++i];
		}
		int e = apply(job, r, word, next, value);
		if (e < 0)
			return e;
	}
	if (job->verbose && job->inputs_count == 0)
		job->goal = CC_ASK;
	int e = classify(job);
	return e < 0 ? e : check(job);
}
