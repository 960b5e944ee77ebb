/* resume: the driver. */
#include "resume.h"

#include "program.h"

#include "../thread.h"

#include <errno.h>
#include <ffi.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPES_MAX 64

static _Thread_local struct {
	const char *frames, *end;
	uint64_t count;
	const void *current;
	bool starts;             /* that is main or a thread's entry */
	struct walk_frame frame; /* the one that is being resumed, or was last */
	const char *record;
	int outcome;
	jmp_buf driver; /* where a longjmp to a frame that is not native goes */
	union result {
		char bytes[RESUME_RESULT_MAX];
		long double alignment;
	} result;
} pending;

const void *resume_current(bool *ret_start)
{
	*ret_start = pending.starts;
	return pending.current;
}

void resume_pending(const void **ret_frames, size_t *ret_size, uint64_t *ret_count)
{
	*ret_frames = pending.frames;
	*ret_size = (size_t)(pending.end - pending.frames);
	*ret_count = pending.count;
}

int resume_check(const void *frames, size_t size, uint64_t count)
{
	const char *p = frames, *end = p + size;
	for (uint64_t i = 0; i < count; i++) {
		struct walk_frame f;
		if ((size_t)(end - p) < sizeof f)
			return error_set(PMIG_ECORRUPT, "frame %lu is cut off", (unsigned long)i);
		memcpy(&f, p, sizeof f);
		if (f.site >= pmig_program.sites_count || f.size != ((pmig_program.sites[f.site].record_size + 7) & ~7u) ||
			(size_t)(end - p) - sizeof f < f.size)
			return error_set(PMIG_ECORRUPT, "frame %lu does not fit the program", (unsigned long)i);
		p += sizeof f + f.size;
	}
	if (p != end)
		return error_set(PMIG_ECORRUPT, "%zu bytes behind the last frame", (size_t)(end - p));
	return 0;
}

void resume_adopt(const void *frames, size_t size, uint64_t count)
{
	pending.frames = frames;
	pending.end = pending.frames + size;
	pending.count = count;
}

/* libffi's description of a result type, built from a word (program.h) without any heap. */
struct types {
	ffi_type structs[TYPES_MAX / 2];
	ffi_type *elements[TYPES_MAX];
	size_t structs_used, elements_used;
};

static ffi_type *parse_type(struct types *t, const char **word)
{
	static ffi_type *quad_elements[] = {&ffi_type_uint64, &ffi_type_uint64, NULL};
	static ffi_type quad = {.type = FFI_TYPE_STRUCT, .elements = quad_elements}; /* __int128: two general registers */
	switch (*(*word)++) {
	case 'b':
		return &ffi_type_uint8;
	case 'h':
		return &ffi_type_uint16;
	case 'i':
		return &ffi_type_uint32;
	case 'l':
		return &ffi_type_uint64;
	case 'q':
		return &quad;
	case 'p':
		return &ffi_type_pointer;
	case 'f':
		return &ffi_type_float;
	case 'd':
		return &ffi_type_double;
	case 'x':
		return &ffi_type_longdouble;
	case '{': {
		ffi_type *members[TYPES_MAX / 4];
		size_t n = 0;
		while (**word != '}' && **word != '\0' && n < TYPES_MAX / 4 - 1)
			members[n++] = parse_type(t, word);
		members[n++] = NULL;
		*word += **word == '}';
		if (t->structs_used == TYPES_MAX / 2 || t->elements_used + n > TYPES_MAX)
			return &ffi_type_void;
		ffi_type *type = &t->structs[t->structs_used++];
		*type = (ffi_type){.type = FFI_TYPE_STRUCT, .elements = &t->elements[t->elements_used]};
		memcpy(type->elements, members, n * sizeof *members);
		t->elements_used += n;
		return type;
	}
	default:
		return &ffi_type_void;
	}
}

/* Calls the clone of `function` for one frame. */
static void call(const struct program_function *function, uint32_t site, const void *record, union result *result)
{
	struct types types = {0};
	const char *word = function->result;
	bool in_memory = *word == 'm';
	ffi_type *parameters[] = {&ffi_type_uint32, &ffi_type_pointer, &ffi_type_pointer, &ffi_type_pointer};
	ffi_cif cif;
	ffi_type *type = in_memory ? &ffi_type_void : parse_type(&types, &word);
	if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, in_memory ? 4 : 3, type, parameters) != FFI_OK)
		__builtin_trap(); /* the instrumenter wrote a word that it never writes */
	union result given = *result, got = {0};
	const void *given_at = &given;
	void *got_at = &got;
	void *arguments[] = {&site, &record, &given_at, &got_at};
	pending.current = (const void *)function->resume;
	ffi_call(&cif, function->resume, &got, arguments);
	*result = got;
}

/* The entry value of the frame stack pointer in a captured frame; NULL where its function never calls setjmp. */
static const void *mark_of(const struct walk_frame *f, const char *record)
{
	const void *mark = NULL;
	uint32_t offset = pmig_program.sites[f->site].mark;
	if (offset != PROGRAM_NO_MARK)
		memcpy(&mark, record + offset, sizeof mark);
	return mark;
}

static bool is_target(const struct walk_frame *f, const char *record, uint32_t site, const void *mark)
{
	return pmig_program.sites[f->site].function == pmig_program.sites[site].function && mark_of(f, record) == mark;
}

static void next_frame(void)
{
	memcpy(&pending.frame, pending.frames, sizeof pending.frame);
	pending.record = pending.frames + sizeof pending.frame;
	pending.frames = pending.record + pending.frame.size;
	pending.count--;
}

_Noreturn void resume_jump(uint32_t site, const void *record, const void *mark, int value)
{
	bool found = pending.record != NULL && site < pmig_program.sites_count && mark != NULL;
	if (found)
		while (!is_target(&pending.frame, pending.record, site, mark)) {
			found = pending.count != 0;
			if (!found)
				break;
			next_frame();
		}
	if (!found) {
		(void)fputs("pmig: longjmp to a function that has returned, or with a jmp_buf that was never set\n", stderr);
		abort();
	}
	pending.frame.site = site;
	pending.record = record;
	pending.outcome = value;
	longjmp(pending.driver, 1);
}

static void set_result(int value)
{
	memset(&pending.result, 0, sizeof pending.result);
	memcpy(pending.result.bytes, &value, sizeof value);
}

/* Both calls are calls, never jumps: this function's frame has to be below. */
__attribute__((noinline)) int resume_drive(const struct resume_start *start, int outcome)
{
	int status = 0;
	if (pending.count == 0) {
		void (*volatile entry)(void *) = start->entry;
		int (*volatile main)(int, char **, char **) = pmig_program.main;
		if (start->entry == NULL && pmig_program.constructors != NULL)
			pmig_program.constructors();
		pending.starts = true;
		pending.current = start->entry != NULL ? (const void *)start->entry : (const void *)main;
		if (start->entry != NULL)
			entry(start->argument);
		else
			status = main(start->argc, start->argv, start->envp);
		pending.current = NULL;
		return status;
	}
	if (setjmp(pending.driver) == 0) {
		set_result(outcome);
		next_frame();
		errno = thread_state(pmig_thread)->error;
	} else {
		set_result(pending.outcome); /* resume_jump() has chosen frame and record */
	}
	for (;;) {
		call(&pmig_program.functions[pmig_program.sites[pending.frame.site].function], pending.frame.site,
			pending.record, &pending.result);
		if (pending.count == 0)
			break;
		next_frame();
	}
	memcpy(&status, pending.result.bytes, sizeof status);
	return status;
}
