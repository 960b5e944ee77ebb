/* arena: one range of addresses, the same in every process on every host, that holds whatever of a program travels:
 * its heap, its frames, its streams, and the state of the runtime itself.
 *
 * Normal usage, a program that starts:
 *   1. arena_create() (the first allocation does it; calling it again is harmless);
 *   2. arena_thread_create() for every further thread; the main thread has block 0 from the start;
 *   3. at a checkpoint: arena_layout_get() into one section of the image, the bytes of arena_ranges() into another.
 * A program that is restored:
 *   1. arena_create() (before anything was allocated from it);
 *   2. arena_layout_set() with the section of the image: opens the same parts;
 *   3. the caller maps or reads the saved pages over them;
 *   4. arena_adopt().
 *
 * Nothing here needs constructors, libc's heap or thread-local variables, so that it can be used from .preinit_array. */
#ifndef PMIG_ARENA_ARENA_H
#define PMIG_ARENA_ARENA_H

#include "../base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the arena lies, by architecture. x86-64: below every position-independent executable, in what both
 * AddressSanitizer and ThreadSanitizer leave to the application. Where an executable that is position independent
 * after all (a unit test, never a program made by pmig-cc) lies in the way, only ARENA_SIZE_SMALL is reserved. */
#if defined(__x86_64__)
#define ARENA_BASE 0x550000000000ull
#define ARENA_SIZE 0x10000000000ull      /* 1 TiB */
#define ARENA_SIZE_SMALL 0x5000000000ull /* 320 GiB */
#elif defined(__aarch64__)
#define ARENA_BASE 0x100000000000ull
#define ARENA_SIZE 0x10000000000ull
#define ARENA_SIZE_SMALL 0x5000000000ull
#else
#error "arena.h: no address chosen for this architecture"
#endif

#define ARENA_MAGIC 0x616e6572612d6770ull
#define ARENA_VERSION 1

/* The parts, as offsets. Frame stacks grow upwards; the last page of each is never opened. */
#define ARENA_HEADER_SIZE 0x10000ull
#define ARENA_STREAMS 0x100000ull /* slots for streams and directories, see interpose.h */
#define ARENA_STREAMS_SIZE 0x100000ull
#define ARENA_THREADS 0x1000000ull
#define ARENA_THREAD_SIZE 0x10000ull
#define ARENA_THREADS_MAX 256
#define ARENA_STACKS 0x400000000ull /* of the main thread; the others follow */
#define ARENA_STACK_MAIN 0x400000000ull
#define ARENA_STACK_SIZE 0x40000000ull
#define ARENA_HEAP 0x4800000000ull

struct heap;

/* What other parts of the runtime hang their own arena-resident state on: NULL at first, carried along. Add yours
 * before ARENA_ROOTS; never renumber. */
enum arena_root {
	ARENA_ROOT_RUNTIME = 1,
	ARENA_ROOT_FRAMES,
	ARENA_ROOT_STREAMS,
	ARENA_ROOT_DIRECTORIES,
	ARENA_ROOT_RESOURCES,
	ARENA_ROOT_HOOKS,
	ARENA_ROOT_ENVIRONMENT,
	ARENA_ROOT_ARGUMENTS,
	ARENA_ROOT_LIBC,
	ARENA_ROOT_SIGNALS,
	ARENA_ROOT_CLOCKS,
	ARENA_ROOT_ATEXIT,
	ARENA_ROOT_LEFT,
	ARENA_ROOT_REFERRED,
	ARENA_ROOT_MAPPINGS,
	ARENA_ROOT_OPENED,
	ARENA_ROOT_WAITING,  /* signals */
	ARENA_ROOT_CHILDREN, /* children.c */
	ARENA_ROOT_TIMERS,   /* timer.c */
	ARENA_ROOT_EPOLL,    /* kind/epoll.c */
	ARENA_ROOT_ERRNO,    /* errno_place.c */
	ARENA_ROOTS = 64
};

/* What a thread that stands still had set about signals: handler.h. */
struct arena_signals {
	uint32_t parked;     /* it stands still, and the rest is true */
	uint32_t hidden;     /* the program takes CONTROL_SIGNAL for blocked */
	uint64_t mask;       /* blocked, as the program sees it */
	void *pending;       /* what waits for this thread alone */
	void *stack;         /* the alternate stack */
	uint64_t stack_size; /* bytes */
	uint64_t stack_flags;
};

/* One thread of the program. Lies in the arena; `index` says which block and which frame stack. */
struct arena_thread {
	uint32_t index;
	uint32_t used;       /* 0: free */
	char *stack_base;    /* first byte of the frame stack */
	char *stack_limit;   /* end of its opened part */
	char *sp;            /* pmig_frame_sp of this thread, saved at a checkpoint */
	uint32_t handled[2]; /* handlers of the program that have run in it: block.h */
	struct arena_signals signals;
	void *roots[32];    /* for the runtime, see thread.h; NULL at first */
	uint64_t state[64]; /* struct thread (thread.h); zero at first */
	char locals[]
		__attribute__((aligned(1024))); /* thread-local variables (locals.h); at an offset that programs know */
};
#define ARENA_LOCALS_MAX (ARENA_THREAD_SIZE - sizeof(struct arena_thread))

struct arena_range {
	void *address;
	size_t size;
};
#define ARENA_RANGES_MAX (ARENA_THREADS_MAX + 8)

/* Which parts are opened; a section of the image. Fixed size, no pointers; arena_layout_set() believes nothing of it. */
struct arena_layout {
	uint64_t magic;
	uint32_t version;
	uint32_t size; /* of this struct */
	uint64_t base;
	uint64_t reserved;
	uint64_t heap_open[2];              /* opened bytes of the heap's two ends, see heap_open() */
	uint64_t stacks[ARENA_THREADS_MAX]; /* opened bytes; 0: no such thread */
};

/* Reserves the arena, opens its header, and gives the main thread block 0. Does nothing where it exists.
 * Errors: PMIG_EEXIST (something lies there, or another runtime of this process made it), PMIG_ENOMEM. */
PMIG_MUST_CHECK int arena_create(void);

/* Undoes arena_create(): everything in it is gone. For tests. */
void arena_destroy(void);

/* True once arena_create() has worked in this process. */
bool arena_exists(void);

/* True if `p` points into the reserved range (used or not). Cheap: two instructions, needs no arena. */
static inline bool arena_contains(const void *p)
{
	return (uintptr_t)p - ARENA_BASE < ARENA_SIZE;
}

/* The slot of `root`; the caller reads and writes it. The arena must exist. */
void **arena_root(enum arena_root root);

/* The heap of the program. The arena must exist. */
struct heap *arena_heap(void);

/* The part for stream slots, ARENA_STREAMS_SIZE bytes, readable and writable, zero at first. */
void *arena_streams(void);

/* Takes a free thread block and opens its frame stack (`sp` = `stack_base`). The block, but for index and the stack's
 * bounds, is zero. Thread-safe. Errors: PMIG_ENOMEM (all are taken, or the kernel refused). */
PMIG_MUST_CHECK int arena_thread_create(struct arena_thread **ret_thread);

/* Gives block and stack back, contents lost. NULL is allowed; block 0 is not. Thread-safe. */
void arena_thread_release(struct arena_thread *thread);

/* In the child of a fork: another thread may have been in one of the two, and is not there to finish it. */
void arena_forked(void);

/* Block `index`, or NULL if it is free or out of range. */
struct arena_thread *arena_thread(unsigned index);

/* The ranges that may hold state, page-aligned and ascending, only up to what was ever used; of frame stacks everything
 * up to the saved `sp` of its thread. Writes at most `max` (ARENA_RANGES_MAX suffices) and returns their number. */
size_t arena_ranges(struct arena_range *ret_ranges, size_t max);

/* Makes what is free in the arena zero and untouched again where that saves bytes (free runs of the heap, frame stacks
 * above `sp`). For the moment before arena_ranges(); all threads must stand still. */
void arena_trim(void);

void arena_layout_get(struct arena_layout *ret_layout);

/* Opens the parts that `layout` names (`size` bytes, untrusted) in an arena that was just created and has no further
 * thread. What this process had allocated in it is lost: heap and frame stacks are zero, as the image takes for
 * granted of pages that it does not hold. Errors: PMIG_ECORRUPT (a field is out of bounds; the reason names it),
 * PMIG_EVERSION, PMIG_EIDENTITY (other base), PMIG_ENOMEM. */
PMIG_MUST_CHECK int arena_layout_set(const void *layout, size_t size);

/* After the pages are there: checks that header, thread blocks and heap agree with `layout`, and makes them usable in
 * this process (locks open, caches without a thread). The calling thread then allocates from them. Errors:
 * PMIG_ECORRUPT, PMIG_EVERSION. */
PMIG_MUST_CHECK int arena_adopt(const struct arena_layout *layout);

#endif
