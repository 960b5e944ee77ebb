/* cc_link: the linker is asked what belongs to the program, pmig-instrument makes one object of what pmig-cc compiled of it,
 * and the linker puts that in the place of its parts.
 *
 * The first link (the trace) is an ordinary one of the objects as they are, whose functions trap: archives, libraries
 * and scripts mean what they always mean, and section `.pmig.bc` of its result holds exactly the units that were chosen.
 * Symbols that are missing are left to the last link to complain about, which knows who uses them in the end. */
#include "cc.h"
#include "object.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CARRIED "libpmig-carried.a"

struct link {
	const struct cc_job *job;
	char *trace;  /* the result of the first link */
	char *log;    /* what the linker said to it */
	char *object; /* the instrumented program */
	char *joined; /* the same, where it was made in parts */
	unsigned parts;
};

/* Was the file made by pmig-cc? Files that cannot be read are the linker's to complain about. */
static bool is_unit(const char *path)
{
	struct object_file f;
	const void *bytes;
	size_t size;
	if (object_open(path, &f) < 0)
		return false;
	bool found = object_find(f.bytes, f.size, &bytes, &size) > 0;
	object_close(&f);
	return found;
}

static const char *path_of(const struct cc_input *in)
{
	return in->object != NULL ? in->object : in->text;
}

/* Does gcc mean by all of the user's words what clang means? It links the same, and starts in half the time. */
static bool gcc_knows(const struct cc_args *words)
{
	for (size_t i = 0; i < words->count; i++) {
		const char *w = words->items[i];
		if (strcmp(w, "-w") != 0 && strcmp(w, "-pthread") != 0 && strncmp(w, "-O", 2) != 0 &&
			strncmp(w, "-g", 2) != 0)
			return false;
	}
	return true;
}

static void add_linker(struct cc_args *to, const struct cc_job *job)
{
	const char *gcc = gcc_knows(&job->both) ? cc_place_gcc() : NULL;
	cc_args_add(to, gcc != NULL ? gcc : cc_place_clang());
	if (gcc == NULL)
		cc_args_add(to, "-Qunused-arguments");
	cc_args_append(to, &job->both);
	cc_args_add(to, "-no-pie");
}

/* The C library's functions that pmig carries come before the C library, wherever the user has put that. */
static void add_carried(struct cc_args *to, const struct cc_job *job)
{
	const char *library = cc_place_library();
	char *path;
	if (library == NULL || job->no_runtime || job->no_instrument)
		return;
	if (asprintf(&path, "%s/" CARRIED, library) < 0)
		abort();
	struct object_file f;
	if (object_open(path, &f) >= 0) {
		cc_args_add(to, path);
		object_close(&f);
	}
	free(path);
}

static bool is_libc(const struct cc_input *in)
{
	return in->kind == CC_WORD && strcmp(in->text, "-lc") == 0;
}

/* Words that name symbols of the program to the linker, who then must find them. */
static bool names_symbols(const struct cc_job *job)
{
	static const char *const parts[] = {
		"defsym", "undefined", "entry", "init", "fini", "script", "require", "-u", "-T", "-e,"};
	for (size_t i = 0; i < job->inputs_count; i++)
		for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
			if (job->inputs[i].kind == CC_WORD &&
				(strstr(job->inputs[i].text, parts[k]) != NULL || strcmp(job->inputs[i].text, "-e") == 0))
				return true;
	return false;
}

static bool strips(const struct cc_input *in)
{
	return in->kind == CC_WORD && strcmp(in->text, "-s") == 0;
}

static int make_trace(struct link *l)
{
	struct cc_args a = {0};
	add_linker(&a, l->job);
	for (size_t i = 0; i < l->job->inputs_count; i++) {
		const struct cc_input *in = &l->job->inputs[i];
		if (is_libc(in))
			add_carried(&a, l->job);
		if (!strips(in))
			cc_args_add(&a, path_of(in));
	}
	add_carried(&a, l->job);
	cc_args_add(&a, "-Wl,--defsym=" OBJECT_MARKER "=0");
	cc_args_add(&a, "-Wl,--unresolved-symbols=ignore-all,--no-gc-sections,--emit-relocs"); /* trace.h */
	cc_args_add(&a, "-o");
	cc_args_add(&a, l->trace);
	int e = cc_run_tool(&a, l->log);
	cc_args_finish(&a);
	return e;
}

/* What the linker said; its advice about functions that the runtime calls is not for the user. */
static void print_log(const char *path)
{
	char *line = NULL, *place = NULL; /* "libpmig.o: in function ...", held back until the next line is known */
	size_t room = 0;
	FILE *f = fopen(path, "re");
	while (f != NULL && getline(&line, &room, f) > 0) {
		bool advice = place != NULL && strstr(line, ": warning: ") != NULL;
		if (place != NULL && !advice)
			(void)fputs(place, stderr);
		free(place);
		place = strstr(line, "/libpmig.o: in function ") != NULL ? strdup(line) : NULL;
		if (place == NULL && !advice)
			(void)fputs(line, stderr);
	}
	free(place);
	free(line);
	if (f != NULL)
		(void)fclose(f);
}

static int instrument(struct link *l)
{
	struct cc_args a = {0};
	cc_args_add(&a, cc_place_instrument());
	cc_args_add(&a, "link");
	cc_args_append(&a, &l->job->instrument);
	for (size_t i = 0; i < l->job->inputs_count; i++) {
		const struct cc_input *in = &l->job->inputs[i];
		const char *dot = strrchr(path_of(in), '.');
		if (in->kind != CC_WORD && dot != NULL && strcmp(dot, ".o") == 0 && !is_unit(path_of(in)))
			cc_args_format(&a, "--foreign=%s", in->text);
	}
	if (names_symbols(l->job))
		cc_args_add(&a, "--keep-symbols");
	cc_args_add(&a, "-o");
	cc_args_add(&a, l->object);
	cc_args_add(&a, l->trace);
	int e = cc_run_tool(&a, NULL);
	cc_args_finish(&a);
	return e;
}

/* What was made in several parts (parts.h) becomes one object, in which what was local is local again. */
static int join(struct link *l)
{
	struct cc_args a = {0}, localise = {0};
	add_linker(&a, l->job);
	cc_args_add(&a, "-nostdlib");
	cc_args_add(&a, "-r");
	cc_args_add(&a, "-Wl,--build-id=none");
	cc_args_add(&a, l->object);
	for (unsigned k = 1;; k++) {
		char part[PATH_MAX];
		(void)snprintf(part, sizeof part, "%s.%u", l->object, k);
		if (access(part, R_OK) != 0) {
			l->parts = k;
			break;
		}
		cc_args_add(&a, part);
	}
	cc_args_add(&a, "-o");
	cc_args_add(&a, l->joined);
	int e = l->parts > 1 ? cc_run_tool(&a, NULL) : 0;
	if (e == 0 && l->parts > 1) {
		cc_args_add(&localise, "objcopy");
		cc_args_format(&localise, "--localize-symbols=%s.local", l->object);
		cc_args_add(&localise, l->joined);
		e = cc_run_tool(&localise, NULL);
	}
	cc_args_finish(&a);
	cc_args_finish(&localise);
	return e;
}

/* What kinds of resources from outside the program call (<pmig/kind.h>). */
static const char *const for_kinds[] = {"pmig_write_number", "pmig_write_text", "pmig_write_content", "pmig_written_content",
	"pmig_read_number", "pmig_read_text", "pmig_read_content", "pmig_read_check", "pmig_fail", "pmig_reason",
	"pmig_strerror", "pmig_name", "pmig_epoch"};

/* The runtime is one object: its start and its hooks are referred to by nobody. */
static int add_runtime(struct cc_args *to, const struct cc_job *job)
{
	const char *library = cc_place_library();
	if (job->no_runtime || job->no_instrument)
		return 0;
	if (library == NULL)
		return error_set(PMIG_ENOENT, "libpmig.o is not where pmig-cc was installed (in lib/ beside its bin/)");
	if (job->libpmig != NULL)
		cc_args_add(to, job->libpmig);
	else
		cc_args_format(to, "%s/libpmig.o", library);
	for (size_t i = 0; i < sizeof for_kinds / sizeof *for_kinds; i++)
		cc_args_format(to, "-Wl,--export-dynamic-symbol=%s", for_kinds[i]);
	cc_args_add(to, "-lm"); /* its signgam is carried */
	cc_args_add(to, "-ldl");
	cc_args_add(to, "-pthread");
	return 0;
}

/* A runtime that was built with sanitizers, for tests of pmig: their libraries must be the first that the loader meets. */
static void add_sanitizers(struct cc_args *to, const struct cc_job *job)
{
	static const char *const libraries[][2] = {
		{"__asan_init", "-lasan"}, {"__tsan_init", "-ltsan"}, {"__ubsan_handle_", "-lubsan"}};
	struct object_file f;
	if (job->libpmig == NULL || job->no_runtime || object_open(job->libpmig, &f) < 0)
		return;
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
		if (memmem(f.bytes, f.size, libraries[i][0], strlen(libraries[i][0])) != NULL) {
			cc_args_add(to, "-Wl,--no-as-needed");
			cc_args_add(to, libraries[i][1]);
		}
	object_close(&f);
}

/* Is the word at `i` a file all of which is in the instrumented program? */
static bool is_consumed(const struct cc_job *job, size_t i)
{
	const struct cc_input *in = &job->inputs[i];
	if (in->kind != CC_WORD)
		return is_unit(path_of(in)) || cc_archive_is_ours(path_of(in));
	if (strncmp(in->text, "-l", 2) != 0 || in->text[2] == 0)
		return false;
	char *path = cc_archive_find(job, in->text + 2);
	bool ours = path != NULL && cc_archive_is_ours(path);
	free(path);
	return ours;
}

/* `object`: the instrumented program; NULL: nothing in it was compiled by us, the link is an ordinary one. */
static int link_final(const struct link *l, const char *object)
{
	const struct cc_job *job = l->job;
	struct cc_args a = {0};
	bool placed = object == NULL;
	int e = 0;
	add_linker(&a, job);
	if (object != NULL)
		add_sanitizers(&a, job);
	for (size_t i = 0; i < job->inputs_count; i++) {
		const struct cc_input *in = &job->inputs[i];
		if (in->kind != CC_WORD && !placed) {
			cc_args_add(&a, object);
			placed = true;
		}
		if (object == NULL || !is_consumed(job, i))
			cc_args_add(&a, path_of(in));
	}
	if (object != NULL)
		e = add_runtime(&a, job);
	if (!job->build_id)
		cc_args_add(&a, "-Wl,--build-id");
	cc_args_add(&a, "-o");
	cc_args_add(&a, job->output != NULL ? job->output : "a.out");
	if (e >= 0) {
		e = cc_run_tool(&a, l->log);
		print_log(l->log);
	}
	cc_args_finish(&a);
	return e;
}

static int link_instrumented(struct link *l)
{
	int e = make_trace(l);
	if (e != 0) {
		print_log(l->log);
		return e;
	}
	if (!is_unit(l->trace))
		return link_final(l, NULL);
	e = instrument(l);
	if (e == 0)
		e = join(l);
	return e != 0 ? e : link_final(l, l->parts > 1 ? l->joined : l->object);
}

/* -r: the linker joins the sections of records as well. */
static int link_relocatable(const struct cc_job *job)
{
	struct cc_args a = {0};
	add_linker(&a, job);
	cc_args_add(&a, "-nostdlib");
	cc_args_add(&a, "-r");
	for (size_t i = 0; i < job->inputs_count; i++)
		cc_args_add(&a, path_of(&job->inputs[i]));
	cc_args_add(&a, "-o");
	cc_args_add(&a, job->output != NULL ? job->output : "a.out");
	int e = cc_run_tool(&a, NULL);
	cc_args_finish(&a);
	return e;
}

/* Libraries of pmig's own that move with the program are looked for first: beside them in lib/ are those for other compilers. */
static void add_own_directory(struct cc_job *job, char **ret_word)
{
	const char *library = cc_place_library();
	*ret_word = NULL;
	if (library == NULL || job->no_runtime || job->no_instrument)
		return;
	struct cc_input *inputs = realloc(job->inputs, (job->inputs_count + 1) * sizeof *inputs);
	if (inputs == NULL || asprintf(ret_word, "-L%s/pmig", library) < 0)
		abort();
	memmove(inputs + 1, inputs, job->inputs_count * sizeof *inputs);
	inputs[0] = (struct cc_input){.kind = CC_WORD, .text = *ret_word};
	job->inputs = inputs;
	job->inputs_room = ++job->inputs_count;
}

int cc_link_program(struct cc_job *job)
{
	struct link l = {.job = job};
	char *own;
	if (job->goal == CC_RELOCATABLE)
		return link_relocatable(job);
	add_own_directory(job, &own);
	int e = cc_run_scratch("trace", &l.trace);
	if (e >= 0)
		e = cc_run_scratch("trace.log", &l.log);
	if (e >= 0)
		e = cc_run_scratch("program.o", &l.object);
	if (e >= 0)
		e = cc_run_scratch("joined.o", &l.joined);
	if (e >= 0)
		e = link_instrumented(&l);
	free(l.trace);
	free(l.log);
	free(l.object);
	free(l.joined);
	job->inputs[0].text = own != NULL ? "" : job->inputs[0].text; /* nobody looks at it any more */
	free(own);
	return e;
}
