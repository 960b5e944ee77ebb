/* cc_compile: clang makes unoptimised bitcode of a source, pmig-instrument an object of that. */
#include "cc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "dir/foo.c" -> "foo" + suffix; the caller frees it. */
static char *derived(const char *source, const char *suffix)
{
	const char *slash = strrchr(source, '/');
	const char *base = slash != NULL ? slash + 1 : source;
	const char *dot = strrchr(base, '.');
	int n = dot != NULL && dot != base ? (int)(dot - base) : (int)strlen(base);
	char *out;
	if (asprintf(&out, "%.*s%s", n, base, suffix) < 0)
		abort();
	return out;
}

/* As derived(), beside the object when its name was given, as clang and GCC name dependency files. */
static char *dependency_file(const char *source, const char *object)
{
	char *out;
	const char *dot = object != NULL ? strrchr(object, '.') : NULL;
	if (object == NULL)
		return derived(source, ".d");
	if (dot == NULL || strchr(dot, '/') != NULL)
		dot = object + strlen(object);
	if (asprintf(&out, "%.*s.d", (int)(dot - object), object) < 0)
		abort();
	return out;
}

static void add_dependencies(struct cc_args *to, const struct cc_job *job, const char *source, const char *object)
{
	if (!job->dependencies)
		return;
	if (!job->dependencies_named) {
		char *path = dependency_file(source, job->goal == CC_OBJECT ? job->output : NULL);
		cc_args_add(to, "-MF");
		cc_args_add(to, path);
		free(path);
	}
	if (!job->target_named) {
		cc_args_add(to, "-MQ");
		cc_args_add(to, object);
	}
}

/* What holds for every call of clang: the user's options, then what is settled. */
static void add_clang(struct cc_args *to, const struct cc_job *job)
{
	cc_args_add(to, cc_place_clang());
	cc_args_add(to, "-gline-tables-only"); /* for messages; the user's -g comes later and counts */
	cc_args_append(to, &job->compile);
	cc_args_append(to, &job->both);
	cc_args_add(to, "-fno-pic");
	cc_args_add(to, "-D__PMIG__=1");
	if (cc_place_include() != NULL) {
		cc_args_add(to, "-isystem");
		cc_args_format(to, "%s/pmig/libc", cc_place_include()); /* what of libc's headers is another one here */
		cc_args_add(to, "-isystem");
		cc_args_add(to, cc_place_include());
	}
}

static void add_source(struct cc_args *to, const struct cc_input *in)
{
	if (in->language != NULL)
		cc_args_format(to, "-x%s", in->language);
	cc_args_add(to, in->text);
}

static int assemble(const struct cc_job *job, const struct cc_input *in, const char *object)
{
	struct cc_args a = {0};
	add_clang(&a, job);
	add_dependencies(&a, job, in->text, object);
	cc_args_add(&a, "-Qunused-arguments");
	cc_args_add(&a, "-c");
	add_source(&a, in);
	cc_args_add(&a, "-o");
	cc_args_add(&a, object);
	int e = cc_run_tool(&a, NULL);
	cc_args_finish(&a);
	return e;
}

static int compile_bitcode(const struct cc_job *job, const struct cc_input *in, const char *object, const char *bitcode)
{
	struct cc_args a = {0};
	add_clang(&a, job);
	add_dependencies(&a, job, in->text, object);
	cc_args_add(&a, "-Xclang");
	cc_args_add(&a, "-disable-llvm-passes");
	if (job->level == 0) { /* functions that must not be optimised could not be instrumented either */
		cc_args_add(&a, "-Xclang");
		cc_args_add(&a, "-disable-O0-optnone");
	}
	cc_args_add(&a, "-c");
	cc_args_add(&a, "-emit-llvm");
	add_source(&a, in);
	cc_args_add(&a, "-o");
	cc_args_add(&a, bitcode);
	int e = cc_run_tool(&a, NULL);
	cc_args_finish(&a);
	return e;
}

static int wrap(const struct cc_job *job, const struct cc_input *in, const char *object, const char *bitcode)
{
	struct cc_args a = {0};
	cc_args_add(&a, cc_place_instrument());
	cc_args_add(&a, "wrap");
	cc_args_format(&a, "--level=%d", job->level);
	cc_args_format(&a, "--source=%s", in->text);
	if (job->debug)
		cc_args_add(&a, "--debug");
	if (job->runtime)
		cc_args_add(&a, "--runtime");
	cc_args_add(&a, "-o");
	cc_args_add(&a, object);
	cc_args_add(&a, "--");
	cc_args_add(&a, bitcode);
	int e = cc_run_tool(&a, NULL);
	cc_args_finish(&a);
	return e;
}

static int compile(struct cc_job *job, struct cc_input *in, size_t number)
{
	char *bitcode, name[32];
	int e = 0;
	if (job->goal == CC_OBJECT)
		in->object = job->output != NULL ? strdup(job->output) : derived(in->text, ".o");
	else {
		(void)snprintf(name, sizeof name, "object%zu.o", number);
		e = cc_run_scratch(name, &in->object);
	}
	if (e < 0)
		return e;
	if (in->kind == CC_ASSEMBLER)
		return assemble(job, in, in->object);
	(void)snprintf(name, sizeof name, "unit%zu.bc", number);
	e = cc_run_scratch(name, &bitcode);
	if (e < 0)
		return e;
	e = compile_bitcode(job, in, in->object, bitcode);
	if (e == 0)
		e = wrap(job, in, in->object, bitcode);
	free(bitcode);
	return e;
}

int cc_compile_all(struct cc_job *job)
{
	int worst = 0; /* as other compilers: the other sources are tried too */
	for (size_t i = 0; i < job->inputs_count; i++) {
		struct cc_input *in = &job->inputs[i];
		if (in->kind != CC_C && in->kind != CC_ASSEMBLER)
			continue;
		int e = compile(job, in, i);
		if (e < 0)
			return e;
		if (e > worst)
			worst = e;
	}
	return worst;
}

static void add_sources(struct cc_args *to, const struct cc_job *job)
{
	bool named = false; /* a language that would hold for the next file too */
	for (size_t i = 0; i < job->inputs_count; i++) {
		const struct cc_input *in = &job->inputs[i];
		if (in->kind != CC_C && in->kind != CC_ASSEMBLER)
			continue;
		if (named && in->language == NULL)
			cc_args_add(to, "-xnone");
		add_source(to, in);
		named = in->language != NULL;
	}
}

/* A question is clang's without the options that are ours alone: CC="pmig-cc --strict" is asked for -dumpmachine too. */
static void add_question(struct cc_args *to, const struct cc_job *job)
{
	for (size_t i = 0; i < job->arguments.count; i++) {
		bool ours = false;
		for (size_t k = 0; k < job->instrument.count && !ours; k++)
			ours = strcmp(job->arguments.items[i], job->instrument.items[k]) == 0;
		if (!ours)
			cc_args_add(to, job->arguments.items[i]);
	}
}

int cc_compile_pass(struct cc_job *job)
{
	struct cc_args a = {0};
	if (job->goal == CC_ASK) {
		cc_args_add(&a, cc_place_clang());
		add_question(&a, job);
	} else {
		add_clang(&a, job);
		cc_args_add(&a, "-Qunused-arguments");
		if (job->goal == CC_ASSEMBLY)
			cc_args_add(&a, "-S");
		add_sources(&a, job);
		if (job->output != NULL) {
			cc_args_add(&a, "-o");
			cc_args_add(&a, job->output);
		}
	}
	int e = cc_run_tool(&a, NULL);
	cc_args_finish(&a);
	return e;
}
