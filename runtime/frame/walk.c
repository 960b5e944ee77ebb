/* walk: libunwind finds the return addresses and the registers, LLVM's stack maps say where the values are. */
#define UNW_LOCAL_ONLY
#include "walk.h"

#include "program.h"
#include "resource/resource.h"
#include "resume.h"
#include "stackmap.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libunwind.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DESCRIBED_MAX 6
#define PRIVATE_DESCRIPTORS 900 /* from here on, as far as the limit allows */

static int reserve(struct walk_buffer *b, size_t more)
{
	if (b->capacity - b->size >= more)
		return 0;
	size_t wanted = b->capacity != 0 ? 2 * b->capacity : 1 << 20;
	while (wanted - b->size < more)
		wanted *= 2;
	void *p = b->bytes == NULL ? mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
				   : mremap(b->bytes, b->capacity, wanted, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return error_set(PMIG_ENOMEM, "no memory for %zu bytes of frames", wanted);
	b->bytes = p;
	b->capacity = wanted;
	return 0;
}

int walk_append(struct walk_buffer *b, const void *frames, size_t size, uint64_t count)
{
	int r = reserve(b, size);
	if (r < 0)
		return r;
	if (size != 0)
		memcpy(b->bytes + b->size, frames, size);
	b->size += size;
	b->count += count;
	return 0;
}

void walk_finish(struct walk_buffer *b)
{
	if (b->bytes != NULL)
		(void)munmap(b->bytes, b->capacity);
	*b = (struct walk_buffer){0};
}

/* "read in libc.so.6", or "libc.so.6" where the function has no name that others can see: the nearest one would mislead. */
static void name_of_library(const Dl_info *info, const ElfW(Sym) * symbol, unw_word_t ip, char *out, size_t size)
{
	const char *slash = strrchr(info->dli_fname, '/');
	bool inside = symbol != NULL && info->dli_sname != NULL && ip <= (unw_word_t)info->dli_saddr + symbol->st_size;
	(void)snprintf(out, size, "%s%s%s", inside ? info->dli_sname : "", inside ? " in " : "",
		slash != NULL ? slash + 1 : info->dli_fname);
}

/* True if it is a function of a library. */
static bool name_of(unw_cursor_t *cursor, char *out, size_t size)
{
	unw_word_t ip = 0, offset;
	Dl_info info;
	void *symbol = NULL;
	(void)unw_get_reg(cursor, UNW_REG_IP, &ip);
	if (dladdr1((void *)ip, &info, &symbol, RTLD_DL_SYMENT) != 0 && info.dli_fname != NULL &&
		strstr(info.dli_fname, ".so") != NULL) {
		name_of_library(&info, symbol, ip, out, size);
		return true;
	}
	if (unw_get_proc_name(cursor, out, size, &offset) != 0)
		(void)snprintf(out, size, "code at %#lx", (unsigned long)ip);
	else if (strcmp(out, "pmig_main") == 0)
		(void)snprintf(out, size, "main");
	return false;
}

/* The value of one location, as `size` bytes at `out`. */
static int read_value(unw_cursor_t *cursor, const struct stackmap_record *r, uint32_t number, uint32_t size, char *out)
{
	const struct stackmap_location *l = &r->values[number];
	unw_word_t value = 0;
	const void *from = &value;
	if (l->kind <= STACKMAP_INDIRECT && unw_get_reg(cursor, (unw_regnum_t)l->reg, &value) != 0)
		return error_set(PMIG_ECORRUPT, "register %u of a frame is not known", l->reg);
	switch (l->kind) {
	case STACKMAP_REGISTER:
		break;
	case STACKMAP_DIRECT: /* an address on the native stack: must not occur, locals live in the arena */
		return error_set(PMIG_EPOINTER, "a frame holds the address of a native stack slot");
	case STACKMAP_INDIRECT:
		from = (const void *)(value + (unw_word_t)(int64_t)l->offset);
		if (l->size < size)
			size = l->size;
		break;
	case STACKMAP_CONSTANT:
		value = (unw_word_t)(int64_t)l->offset;
		break;
	case STACKMAP_CONSTANT_INDEX:
		value = stackmap_constant(r, (uint32_t)l->offset);
		break;
	default:
		return error_set(PMIG_ECORRUPT, "a stack map location of kind %u", l->kind);
	}
	if (from == &value && size > sizeof value)
		return error_set(PMIG_ECORRUPT, "a value of %u bytes in a register", size);
	memcpy(out, from, size);
	return 0;
}

static int capture(unw_cursor_t *cursor, const struct stackmap_record *r, struct walk_buffer *b)
{
	const struct program_site *site = &pmig_program.sites[r->site];
	const struct program_value *values = &pmig_program.values[site->first_value];
	struct walk_frame frame = {.site = (uint32_t)r->site, .size = (site->record_size + 7) & ~7u};
	if (r->values_count != site->values_count)
		return error_set(PMIG_ECORRUPT, "site %u: %u values, the stack map has %u", frame.site, site->values_count,
			r->values_count);
	int e = reserve(b, sizeof frame + frame.size);
	if (e < 0)
		return e;
	char *record = b->bytes + b->size + sizeof frame;
	memcpy(b->bytes + b->size, &frame, sizeof frame);
	memset(record, 0, frame.size);
	for (uint32_t i = 0; i < site->values_count; i++) {
		e = read_value(cursor, r, i, values[i].size, record + values[i].offset);
		if (e < 0)
			return error_prefix(e, "%s, line %u, value %u", pmig_program.functions[site->function].name,
				site->line, i);
	}
	b->size += sizeof frame + frame.size;
	b->count++;
	return 0;
}

static unw_word_t function_start(unw_cursor_t *cursor)
{
	unw_proc_info_t info;
	return unw_get_proc_info(cursor, &info) == 0 ? info.start_ip : 0;
}

/* The start of the function that `ip`, a return address, lies in. */
static unw_word_t start_of(unw_word_t ip)
{
	unw_proc_info_t info;
	return ip != 0 && unw_get_proc_info_by_ip(unw_local_addr_space, ip - 1, &info, NULL) == 0 ? info.start_ip : 0;
}

/* The frame below the last site. The driver called main or a thread's entry directly (and that may have called the last matched
 * function as its last deed), or a resume clone, which nobody else can call, through libffi: `outermost`, the start of the last
 * matched function. Anything else hides a foreign frame. */
static int check_bottom(unw_cursor_t *cursor, unw_word_t outermost)
{
	bool direct;
	const void *called = resume_current(&direct);
	if (outermost != 0 &&
		(direct ? function_start(cursor) == (unw_word_t)resume_drive : outermost == (unw_word_t)called))
		return 0;
	char name[160], caller[160];
	bool library = name_of(cursor, name, sizeof name), called_by = false;
	while (library && !called_by && unw_step(cursor) > 0)
		called_by = !name_of(cursor, caller, sizeof caller);
	return error_set(PMIG_EFOREIGN,
		"the stack cannot be taken apart here: it goes through %s%s%s%s, which pmig did not build", name,
		called_by ? " (called by " : "", called_by ? caller : "", called_by ? ")" : "");
}

static int walk_from(unw_cursor_t *cursor, struct walk_buffer *b)
{
	unw_word_t ip, last = 0;
	do {
		struct stackmap_record r;
		if (unw_get_reg(cursor, UNW_REG_IP, &ip) != 0)
			return error_set(PMIG_EFOREIGN, "the stack cannot be read");
		if (!stackmap_find(ip, &r))
			return check_bottom(cursor, start_of(last));
		int e = (pmig_program.sites[r.site].flags & PROGRAM_SITE_TAIL) != 0 ? 0 : capture(cursor, &r, b);
		if (e < 0)
			return e;
		last = ip;
	} while (unw_step(cursor) > 0);
	return error_set(PMIG_EFOREIGN, "the stack ends without the runtime's driver");
}

/* libunwind keeps a pipe with which it tests addresses. The link of libpmig.o leads its pipe2() here (--wrap): the numbers
 * that the program expects stay free, and the pipe is no resource of the program. */
static bool starting;

int __real_pipe2(int ends[2], int flags) __attribute__((weak)); /* without --wrap (unit tests) nobody calls it */
int __wrap_pipe2(int ends[2], int flags);

int __wrap_pipe2(int ends[2], int flags)
{
	int r = __real_pipe2(ends, flags);
	for (int i = 0; r == 0 && starting && i < 2; i++) {
		int high = fcntl(ends[i], F_DUPFD_CLOEXEC, PRIVATE_DESCRIPTORS);
		if (high < 0)
			continue;
		(void)close(ends[i]);
		ends[i] = high;
		resource_private(high);
	}
	return r;
}

void walk_start(void)
{
	unw_context_t context;
	unw_cursor_t cursor;
	starting = true;
	(void)unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_PER_THREAD);
	if (unw_getcontext(&context) == 0)
		(void)unw_init_local(&cursor, &context);
	starting = false;
}

/* This thread's cache of libunwind is being changed: a signal that asks where the thread is must not use it. */
static __thread volatile sig_atomic_t walking __attribute__((tls_model("initial-exec")));

static int walk_here(const void *from, struct walk_buffer *ret)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t ip = 0;
	if (unw_getcontext(&context) != 0 || unw_init_local(&cursor, &context) != 0)
		return error_set(PMIG_EFOREIGN, "the stack cannot be read");
	while (ip != (unw_word_t)from)
		if (unw_step(&cursor) <= 0 || unw_get_reg(&cursor, UNW_REG_IP, &ip) != 0)
			return error_set(PMIG_EFOREIGN, "the stack cannot be read");
	return walk_from(&cursor, ret);
}

int walk_stack(const void *from, struct walk_buffer *ret)
{
	int r = stackmap_load();
	ret->size = ret->count = 0;
	if (r < 0)
		return r;
	walking = 1;
	r = walk_here(from, ret);
	walking = 0;
	if (r < 0)
		ret->size = ret->count = 0;
	return r;
}

void walk_describe(void *context, char *out, size_t size)
{
	unw_cursor_t cursor;
	unw_context_t here;
	size_t at = 0;
	char name[160], last[160] = "";
	out[0] = '\0';
	if (walking) {
		(void)snprintf(out, size, "at a safe point");
		return;
	}
	if (context == NULL && unw_getcontext(&here) != 0)
		return;
	if (unw_init_local2(&cursor, context != NULL ? context : &here, context != NULL ? UNW_INIT_SIGNAL_FRAME : 0) != 0)
		return;
	for (int named = 0; named < DESCRIBED_MAX && at + 1 < size && function_start(&cursor) != (unw_word_t)resume_drive;) {
		(void)name_of(&cursor, name, sizeof name);
		if (strcmp(name, last) != 0) { /* in a library many in a row have no name of their own */
			int n = snprintf(out + at, size - at, "%s%s", named++ == 0 ? "in " : ", called by ", name);
			at += n > 0 ? (size_t)n : 0;
		}
		memcpy(last, name, sizeof last);
		if (unw_step(&cursor) <= 0)
			break;
	}
}
