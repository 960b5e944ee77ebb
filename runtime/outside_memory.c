/* outside_memory: /proc/self/maps without what travels. */
#include "outside_memory.h"

#include "arena/arena.h"
#include "arena/heap.h"
#include "arena/interpose.h"
#include "arena/mapping.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef PMIG_SANITIZE_ADDRESS
#include <sanitizer/asan_interface.h>
#endif

#define TEXT_ROOM (256u << 10)
#define TEXT_MAX (64u << 20)
#define SHADOW (1ull << 40)      /* so large is only a sanitizer's map of everything, where any number would lie */
#define LOW (1ull << 32)         /* nothing is looked for below: too many numbers look like that */
#define HIGH (1ull << 47)        /* nor above: the kernel's own */
#define LOCALS_BELOW (64u << 10) /* of the thread pointer: where thread-local variables of libraries lie */
#define LOCALS_ABOVE 4096u

/* The linker's: between them lies the executable. */
extern char __executable_start[], end[];

static void *enlarge(void *p, size_t room, size_t more)
{
	void *q = p == NULL ? mmap(NULL, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
			    : mremap(p, room, more, MREMAP_MAYMOVE);
	return q == MAP_FAILED ? NULL : q;
}

static int read_text(struct outside_memory *m)
{
	size_t n = 0;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ssize_t got = 1;
	if (fd < 0)
		return error_errno(PMIG_EIO, errno, "/proc/self/maps");
	while (got > 0) {
		if (n + 4096 >= m->text_room) {
			size_t more = m->text_room == 0 ? TEXT_ROOM : 2 * m->text_room;
			char *text = more <= TEXT_MAX ? enlarge(m->text, m->text_room, more) : NULL;
			if (text == NULL) {
				(void)close(fd);
				return error_set(PMIG_ENOMEM, "no memory for the list of mappings");
			}
			m->text = text;
			m->text_room = more;
		}
		got = read(fd, m->text + n, m->text_room - n - 1);
		n += got > 0 ? (size_t)got : 0;
	}
	(void)close(fd);
	m->text[n] = 0;
	return 0;
}

static const char *hex(const char *p, uintptr_t *ret)
{
	uintptr_t value = 0;
	for (;; p++) {
		unsigned digit = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0')
			: *p >= 'a' && *p <= 'f'        ? (unsigned)(*p - 'a' + 10)
							: 16;
		if (digit == 16)
			break;
		value = value << 4 | digit;
	}
	*ret = value;
	return p;
}

static bool travels(uintptr_t from)
{
	return from < LOW || from >= HIGH || from - ARENA_BASE < ARENA_SIZE || from - MAPPING_BASE < MAPPING_SIZE ||
		(interpose_heap() != NULL && from - INTERPOSE_BASE < INTERPOSE_SIZE);
}

static int add(struct outside_memory *m, struct outside_range r)
{
	if (m->n * sizeof r >= m->room) {
		size_t more = m->room == 0 ? 64u << 10 : 2 * m->room;
		void *ranges = enlarge(m->ranges, m->room, more);
		if (ranges == NULL)
			return error_set(PMIG_ENOMEM, "no memory for the list of mappings");
		m->ranges = ranges;
		m->room = more;
	}
	m->ranges[m->n++] = r;
	return 0;
}

/* "7f12a000-7f12b000 r-xp 00000000 08:01 1234    /lib/libc.so.6" */
static int read_line(struct outside_memory *m, const char *line)
{
	struct outside_range r;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	const char *p = hex(line, &r.from);
	p = hex(p + (*p == '-'), &r.to);
	if (*p != ' ' || strncmp(p + 1, "---", 3) == 0 || travels(r.from) || r.to - r.from >= SHADOW)
		return 0;
	if (r.from <= (uintptr_t)__executable_start && r.to > (uintptr_t)__executable_start)
		return 0;
	for (int fields = 0; fields < 4 && *p == ' '; fields++) { /* rights, offset, device, inode */
		p++;
		p += strcspn(p, " \n");
	}
	p += strspn(p, " ");
	r.name = p;
	if (strncmp(p, "[v", 2) == 0) /* the kernel's own: nobody hands out pointers into it */
		return 0;
	if (here - r.from < r.to - r.from)
		r.from = here;
	return add(m, r);
}

/* There is none before the first foreign allocation. */
static bool foreign_heap_has(const void *p)
{
	return interpose_heap() != NULL && heap_owns(interpose_heap(), p);
}

/* What an address sanitizer has mapped for its blocks, and knows to be none. */
static bool is_free(const void *p)
{
#ifdef PMIG_SANITIZE_ADDRESS
	return __asan_address_is_poisoned(p);
#else
	(void)p;
	return false;
#endif
}

/* The foreign heap is asked itself: only what is allocated counts. */
static bool covers(const struct escape_target *t, const void *p, void **ret_base, size_t *ret_size)
{
	const struct outside_memory *m = (const struct outside_memory *)t;
	size_t low = 0, high = m->n;
	if (foreign_heap_has(p))
		return heap_block_of(interpose_heap(), p, ret_base, ret_size);
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct outside_range *r = &m->ranges[middle];
		if ((uintptr_t)p - r->from < r->to - r->from) {
			if (is_free(p))
				return false;
			*ret_base = (void *)r->from; /* NOLINT: an address of the kernel's list */
			*ret_size = r->to - r->from;
			return true;
		}
		if ((uintptr_t)p < r->from)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static void find_window(struct outside_memory *m)
{
	uintptr_t low = UINTPTR_MAX, high = 0;
	if (interpose_heap() != NULL)
		heap_window(interpose_heap(), &low, &high);
	if (m->n > 0) {
		low = m->ranges[0].from < low ? m->ranges[0].from : low;
		high = m->ranges[m->n - 1].to > high ? m->ranges[m->n - 1].to : high;
	}
	m->target = (struct escape_target){.low = low, .high = high > low ? high : low, .covers = covers};
}

int outside_memory_read(struct outside_memory *ret)
{
	*ret = (struct outside_memory){0};
	int r = read_text(ret);
	for (const char *line = ret->text; r >= 0 && line != NULL && *line != 0;) {
		r = read_line(ret, line);
		line = strchr(line, '\n');
		line += line != NULL;
	}
	if (r < 0)
		outside_memory_finish(ret);
	else
		find_window(ret);
	return r;
}

void outside_memory_finish(struct outside_memory *m)
{
	if (m->text != NULL)
		(void)munmap(m->text, m->text_room);
	if (m->ranges != NULL)
		(void)munmap(m->ranges, m->room);
	*m = (struct outside_memory){0};
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

/* "regcomp in libc.so.6" */
static void name_owner(const void *site, char *out, size_t size)
{
	Dl_info info;
	if (site == NULL || dladdr(site, &info) == 0 || info.dli_fname == NULL)
		(void)snprintf(out, size, "a library");
	else if (info.dli_sname != NULL)
		(void)snprintf(out, size, "%s in %s", info.dli_sname, base_of(info.dli_fname));
	else
		(void)snprintf(out, size, "%s", base_of(info.dli_fname));
}

static void name_file(const struct outside_range *r, const void *p, char *out, size_t size)
{
	Dl_info info = {0};
	char path[256];
	(void)snprintf(path, sizeof path, "%.*s", (int)strcspn(r->name, "\n"), r->name);
	bool symbol = dladdr(p, &info) != 0 && info.dli_sname != NULL;
	(void)snprintf(out, size, "%s in %s, which lies elsewhere after a move; ask for it again when it is needed",
		symbol ? info.dli_sname : "memory", base_of(path));
}

/* Names of libraries' memory come from the kernel, that of a stack from the stack pointer and the thread pointer. */
static void name_range(const struct outside_range *r, const void *p, char *out, size_t size)
{
	uintptr_t thread = (uintptr_t)__builtin_thread_pointer(), here = (uintptr_t)__builtin_frame_address(0);
	if (r->name[0] == '/')
		name_file(r, p, out, size);
	else if ((uintptr_t)p - (thread - LOCALS_BELOW) < LOCALS_BELOW + LOCALS_ABOVE)
		(void)snprintf(out, size,
			"thread-local memory of a library (errno, for one), which lies elsewhere after a move; ask for it again when it "
			"is needed");
	else if (strncmp(r->name, "[stack", 6) == 0 || here - r->from < r->to - r->from)
		(void)snprintf(out, size,
			"the native stack, which is not there after a move; keep no such address across a safe point");
	else
		(void)snprintf(out, size,
			"%s, which does not travel; release it before the safe point, or declare the handle",
			strncmp(r->name, "[v", 2) == 0 ? "the kernel's own page" : "memory that a library has mapped");
}

void outside_memory_name(const struct outside_memory *m, const struct escape *e, char *out, size_t size)
{
	char owner[128];
	if (foreign_heap_has(e->block)) {
		name_owner(interpose_site(e->block), owner, sizeof owner);
		(void)snprintf(out, size,
			"%zu bytes allocated by %s, which do not travel; release them before the safe point, or declare the handle",
			e->size - INTERPOSE_SITE_SIZE, owner);
		return;
	}
	for (size_t i = 0; i < m->n; i++)
		if ((uintptr_t)e->block == m->ranges[i].from) {
			name_range(&m->ranges[i], e->pointer, out, size);
			return;
		}
	(void)snprintf(out, size, "memory that does not travel");
}
