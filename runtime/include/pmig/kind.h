/* <pmig/kind.h>: for authors of resource kinds. A kind says how one sort of thing that a process has open is
 * described, saved, and made anew in another process.
 *
 * Normal usage, a kind in the tree:
 *   1. one file runtime/kind/NAME.c with `const struct pmig_kind kind_NAME = {.version = PMIG_KIND_VERSION, ...}`;
 *   2. one line in runtime/tbl/kind.h (the order there is the order in which kinds are asked);
 *   3. one test.
 *
 * and outside of it (samples/kind): a shared object with `const struct pmig_kind pmig_kind = {...}`, built by any compiler and named to
 * `pmig run --kind`. It goes along by content. It serves handles, and descriptors that the program declares. Its own state does not
 * travel: handles are set anew, texts that are to travel are the program's.
 *
 * What happens, at a checkpoint: every open file description of the process is shown to match() of each kind until
 * one says 1; describe() completes what is known of it; a strategy is chosen among those for which the kind has an
 * operation (first by the declaration, else by the cells of binding and attachment); save() writes. At the target the
 * operation of that strategy reads what save() wrote and opens the thing; the runtime then gives it its descriptor
 * numbers, flags and position; when all have theirs, resolve() is called. Then either the process runs there, and
 * settle() is called, and at the source release(), or it does not: undo().
 *
 * Errors: int results, >= 0 good, negative PMIG_E* otherwise, the sentence set by pmig_fail() (in the tree: error_set(),
 * runtime/base/error.h); it is prefixed with what the resource is called. */
#ifndef PMIG_KIND_H
#define PMIG_KIND_H

#include <pmig/pmig.h>
#include <sys/stat.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PMIG_KIND_VERSION 1

struct pmig_kind;
struct pmig_writer;
struct pmig_reader;

/* One resource, during one checkpoint or one restore. */
struct pmig_resource {
	const struct pmig_kind *kind;
	int fd;              /* at the source: one of its descriptors; at the target: set by the operation; -1: none */
	int flags;           /* of the open file description, as F_GETFL gives them */
	const char *locator; /* path or address; borrowed */
	struct stat st;      /* at the source: of fd; at the target: zero */

	/* What it means: as declared, or set by describe() to the kind's default where binding is still 0. */
	struct pmig_declaration declaration;
	bool declared;

	/* What is known of it; describe() */
	uint64_t size;        /* bytes that would travel */
	bool shared;          /* with somebody outside the process */
	char shared_with[64]; /* who, in words; "" if not shared */
	bool unlinked;        /* it has no name any more, and is to have none */

	enum pmig_strategy strategy; /* chosen after describe(); what is being done at the target */
	bool rewind;                 /* target: the user allows that a changed file is set aside */
	const char *
		there; /* PMIG_REBIND: what the target has for it, as the plan found out: a path, an address; "" where that is not known */
	bool kept; /* PMIG_REFER: the target reaches the same thing by the same locator: it is opened there as it was */
	uint64_t reference; /* PMIG_REFER: the number under which it is held where it is (runtime/reference); 0: it is at this host */
	void *handle; /* of pmig_declare_handle(): what the variable holds; set anew by the operation */
	void *state;  /* the kind's own, between operations of one checkpoint or restore; freed by undo, settle or release */
	const char *
		content; /* PMIG_COPY, PMIG_REBIND: what lies `there` has this hash (xxh3-128, hexadecimal): equal content need not travel; "" */
	bool dropped; /* nothing takes its place at the target; no operation is called */
};

/* All operations but match() and describe() may be NULL (match() of a kind of handles says 0): this kind cannot. New
 * members go to the end. */
struct pmig_kind {
	int version;
	const char *name;  /* in declarations and in the registry */
	const char *about; /* one line, for lists */

	int (*match)(const struct pmig_resource *r);                  /* 1: mine; looks at fd, flags, st, locator only */
	int (*describe)(struct pmig_resource *r);                     /* size, shared, default binding and attachment */
	int (*save)(struct pmig_resource *r, struct pmig_writer *w);  /* at the source, the process stands still */
	int (*move)(struct pmig_resource *r, struct pmig_reader *in); /* at the target: open it here, set r->fd */
	int (*copy)(struct pmig_resource *r, struct pmig_reader *in);
	int (*refer)(struct pmig_resource *r, struct pmig_reader *in);
	int (*rebind)(struct pmig_resource *r, struct pmig_reader *in);
	int (*resolve)(struct pmig_resource *r); /* at the target: all descriptors have their numbers, fd is one of them */
	int (*undo)(struct pmig_resource *r);    /* at the target: the process will not run here */
	int (*release)(struct pmig_resource *r); /* at the source, after the hand-over: 0 gone, 1 left */
	void (*settle)(struct pmig_resource *r); /* at the target: the process runs here now; the end of `state` */
	/* pmig_declare_handle(): is r->locator one of mine? It may set a better one, which is copied. NULL: no handles */
	int (*handle)(struct pmig_resource *r);
	/* Of a handle, both may be NULL: 1: the open description `other` belongs to it and is no resource of its own, */
	int (*owns)(const struct pmig_resource *r, const struct pmig_resource *other);
	/* and 1: the index-th range of memory that the handle keeps for itself: what it points to is the kind's business. 0: no more. */
	int (*memory)(const struct pmig_resource *r, size_t index, const void **ret_address, size_t *ret_size);
	/* Of a handle, after the `before` hooks and before anything is looked at: 0; PMIG_EBUSY: not at this safe point, at the next one
	 * perhaps; PMIG_EREFUSED. */
	int (*ready)(struct pmig_resource *r);
};

/* What save() writes, the operations read in the same order. Numbers and texts; a content is the first `size` bytes
 * of the file `fd` (at most 1 TiB), which travel beside the records and are not copied on the way. Failures are kept
 * and reported once, at the end. */
void pmig_write_number(struct pmig_writer *w, uint64_t number);
void pmig_write_text(struct pmig_writer *w, const char *text);
int pmig_write_content(struct pmig_writer *w, int fd, uint64_t size);

/* The content that was written last, as it will travel; NULL for an empty one. Borrowed until save() returns. */
const void *pmig_written_content(const struct pmig_writer *w);

/* What comes is not to be trusted: after damage, numbers are 0 and texts "". Texts and contents are borrowed until
 * the operation returns. */
uint64_t pmig_read_number(struct pmig_reader *in);
const char *pmig_read_text(struct pmig_reader *in);
const void *pmig_read_content(struct pmig_reader *in, uint64_t *ret_size);

/* Sets the sentence of a failure, which names the thing and what the user can do; returns `code`. */
int pmig_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* 0, or PMIG_ECORRUPT if anything read so far was damaged. */
int pmig_read_check(struct pmig_reader *in);

#ifdef __cplusplus
}
#endif

#endif
