/* <pmig/pmig.h>: what a program that migrates includes.
 *
 * Normal usage:
 *   1. call pmig_safepoint() wherever the program may be stopped and moved;
 *   2. optionally declare what its resources mean (pmig_declare_*, PMIG_RESOURCE);
 *   3. build with pmig-cc, start with `pmig run -- ./program`, move with `pmig move NAME HOST`.
 *
 * There is nothing to initialise and nothing to finish. Built with another compiler, every call here is an inline no-op.
 *
 * Errors: int results, >= 0 good, negative PMIG_E* otherwise; pmig_strerror() has the words, pmig_reason() the last
 * failure of this thread as a sentence.
 *
 * Bindings and attachments: Fuggetta, Picco, Vigna: Understanding Code Mobility, IEEE TSE 24(5), 1998. */
#ifndef PMIG_PMIG_H
#define PMIG_PMIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Errors; the words and exit statuses are in runtime/base/tbl/error.h. */
#define PMIG_EINVAL (-1)
#define PMIG_ENOMEM (-2)
#define PMIG_EIO (-3)
#define PMIG_ECORRUPT (-4)
#define PMIG_EVERSION (-5)
#define PMIG_EIDENTITY (-6)
#define PMIG_EREFUSED (-7)
#define PMIG_EUNREACHED (-8)
#define PMIG_EAUTH (-9)
#define PMIG_EHOSTKEY (-10)
#define PMIG_ETIMEOUT (-11)
#define PMIG_EFOREIGN (-12)
#define PMIG_EPOINTER (-13)
#define PMIG_ENOSPC (-14)
#define PMIG_EEXIST (-15)
#define PMIG_ENOENT (-16)
#define PMIG_EBUSY (-17)
#define PMIG_EGONE (-18)
#define PMIG_EDOUBT (-19)
#define PMIG_ESTALE (-20)
#define PMIG_ENOSUPPORT (-21)
#define PMIG_ECANCELLED (-22)
#define PMIG_EPROTOCOL (-23)

/* How the program is bound to a resource. */
enum pmig_binding {
	PMIG_BY_IDENTIFIER = 1, /* exactly this one: a named file, a URL, my end of a connection */
	PMIG_BY_VALUE,          /* only the content counts: a library, a read-only data set */
	PMIG_BY_TYPE            /* any one of its kind: a printer, a scratch directory, a terminal */
};

/* How the resource is attached to its machine. */
enum pmig_attachment {
	PMIG_UNATTACHED = 1, /* moves easily: a data file that only this program uses */
	PMIG_FASTENED,       /* moves at a price: a local database, a web site */
	PMIG_FIXED           /* cannot move: a device, a local communication end point */
};

/* What is done with a resource when its process moves. */
enum pmig_strategy {
	PMIG_MOVE = 1, /* MV: it goes along and is gone from the source after the hand-over */
	PMIG_COPY,     /* CP: its content goes along, the source keeps its own */
	PMIG_REFER,    /* GR: it stays and is reached across machines */
	PMIG_REBIND,   /* RB: one that the target has takes its place */
	PMIG_REFUSE    /* RF: the process does not move */
};

/* What a declaration agrees to; or-ed together. */
#define PMIG_SNAPSHOT 1u   /* a copy as of the freeze, where a live value was meant */
#define PMIG_DIVERGENCE 2u /* a copy of something shared that goes its own way from then on */
#define PMIG_LOSS 4u       /* what cannot be carried is dropped; of a listener by type: clients not accepted yet */

/* What a safe point or a hook is told. */
enum pmig_outcome {
	PMIG_CONTINUED = 1, /* a checkpoint was taken; same process, same place */
	PMIG_RESTORED,      /* another process: another place or another time */
	PMIG_FAILED         /* nothing has changed; news->reason says why */
};

struct pmig_news {
	enum pmig_outcome outcome;
	enum pmig_strategy strategy; /* what was done with this resource; 0 where there was no choice */
	const char *from;            /* host name at the checkpoint; borrowed until the hook returns */
	const char *to;              /* host name now; borrowed until the hook returns */
	const char *reason;          /* PMIG_FAILED: the sentence; otherwise "" */
	const char *locator; /* where the resource is reached now: a path, an address; "" where there is none; borrowed */
};

/* Called at a safe point, in the order of declaration; `after` in the reverse order. */
struct pmig_hooks {
	int (*before)(void *context); /* < 0: not now; the checkpoint is put off */
	int (*after)(void *context, const struct pmig_news *news);
	int (*secret)(void *context); /* obtain it anew: its bytes were never in the image */
};

/* What a resource means. Zero-initialise with designated initialisers; binding and attachment are required. The
 * struct, its strings and its hooks are copied; `context` is borrowed until the declaration is withdrawn. */
struct pmig_declaration {
	const char *name; /* in the registry; NULL: made from the locator */
	enum pmig_binding binding;
	enum pmig_attachment attachment;
	const char *type;            /* by type: "printer", "scratch", "gpu", ... */
	enum pmig_strategy strategy; /* 0: by the rules */
	unsigned consent;            /* PMIG_SNAPSHOT | PMIG_DIVERGENCE | PMIG_LOSS */
	bool shared;                 /* others use it although nothing shows it */
	bool secret;                 /* its bytes never enter an image */
	uint64_t rate;               /* bytes per second it will need; 0: measured */
	uint64_t size;               /* bytes; 0: asked of the kind */
	const struct pmig_hooks *hooks;
	void *context; /* handed to the hooks; must lie in memory that travels (heap or global) */
};

#if defined __PMIG__ || defined PMIG_INSIDE /* PMIG_INSIDE: a part of pmig itself */

/* The words of a PMIG_E* code; never NULL, static. */
const char *pmig_strerror(int code);

/* The last failure of this thread as a sentence; "" if none. Borrowed until the next failing call. */
const char *pmig_reason(void);

#else

static inline const char *pmig_strerror(int code)
{
	return code < 0 ? "failed" : "no error";
}
static inline const char *pmig_reason(void)
{
	return "";
}

#endif

#ifdef __PMIG__ /* built by pmig-cc */

extern __thread volatile int pmig_poll; /* nonzero: somebody asks this thread to stop; set by the runtime */
extern __thread volatile int pmig_news; /* what came of a stop in a call that waited: the next pmig_safepoint() says it */
int pmig_stop(void);                    /* the slow path; use pmig_safepoint() */

/* The program may be stopped, saved and continued elsewhere here. Costs two loads and a branch when nobody asks.
 * Returns 0 when nothing happened, else an enum pmig_outcome: of this stop, or of the last one since the thread's last
 * pmig_safepoint() that met it in a call that waits (read(), sleep(), a lock and so on). Stops at safe points that pmig-cc
 * put in are told to hooks alone. */
static inline __attribute__((always_inline)) int pmig_safepoint(void)
{
	return __builtin_expect((pmig_poll | pmig_news) != 0, 0) ? pmig_stop() : 0;
}

/* Declares what the open descriptor `fd`, the stream `f`, or `size` bytes at `p` mean. Closing the thing withdraws the
 * declaration; declaring it again replaces it. Errors: PMIG_EINVAL (unset binding or attachment, closed descriptor),
 * PMIG_ENOMEM. */
int pmig_declare_fd(int fd, const struct pmig_declaration *d);
int pmig_declare_stream(FILE *f, const struct pmig_declaration *d);
int pmig_declare_memory(void *p, size_t size, const struct pmig_declaration *d);

/* Declares something that is neither descriptor nor memory. `var` is where the program keeps its handle (set anew after a
 * restore; borrowed until withdrawn), `kind` a kind's name, `locator` what it is called there (copied). Errors as
 * above, and PMIG_ENOENT for an unknown kind.
 *
 *   kind                 *var                                              locator
 *   "database"           sqlite3 *, open; another connection afterwards    absolute path of the database
 *   "service", "url"     char *, what the program connects with            URL, HOST:PORT or the path of a socket
 *   "site"               char *, the path                                  absolute path of a directory
 *   "scratch"            char *, the path; another one afterwards          absolute path of a directory
 *   "printer", "any"     char *, what the host calls its own               what this host calls it
 *
 * At a safe point a database has no statements (an open transaction puts the move off), and no connection to a service is open: hooks are
 * the place to end and to begin them. */
int pmig_declare_handle(void **var, const char *kind, const char *locator, const struct pmig_declaration *d);

/* Hooks that belong to no resource. Errors: PMIG_EINVAL, PMIG_ENOMEM. */
int pmig_add_hooks(const struct pmig_hooks *hooks, void *context);

/* The name under which this process is registered ("" outside `pmig run`); static. */
const char *pmig_name(void);

/* Which life of the program this process is: it grows whenever the program goes on in another process, and of two processes
 * only the one with the higher number is it. 0 outside `pmig run`. A token to fence with: a service outside that refuses a
 * number lower than the highest it has seen is safe from a copy that was left behind (Burrows, Chubby, OSDI 2006, 2.4). */
uint64_t pmig_epoch(void);

/* A file-scope declaration for whatever will match `pattern` (glob on path or address); constant initialisers only:
 *   PMIG_RESOURCE("*.log", .kind = "file", .d = {.binding = PMIG_BY_TYPE, .attachment = PMIG_UNATTACHED}); */
struct pmig_match {
	const char *pattern;
	const char *kind; /* NULL: any */
	struct pmig_declaration d;
};
#define PMIG_RESOURCE(...) PMIG_RESOURCE_AT_(__COUNTER__, __VA_ARGS__)
#define PMIG_RESOURCE_AT_(n, ...) PMIG_RESOURCE_NAME_(n, __VA_ARGS__)
#define PMIG_RESOURCE_NAME_(n, ...) \
	static const struct pmig_match pmig_match_##n __attribute__((used, section("pmig_match"))) = {.pattern = __VA_ARGS__}

#else /* built by any other compiler: the same source runs in one place */

static inline int pmig_safepoint(void)
{
	return 0;
}
static inline int pmig_declare_fd(int fd, const struct pmig_declaration *d)
{
	(void)fd, (void)d;
	return 0;
}
static inline int pmig_declare_stream(FILE *f, const struct pmig_declaration *d)
{
	(void)f, (void)d;
	return 0;
}
static inline int pmig_declare_memory(void *p, size_t size, const struct pmig_declaration *d)
{
	(void)p, (void)size, (void)d;
	return 0;
}
static inline int pmig_declare_handle(void **var, const char *kind, const char *locator, const struct pmig_declaration *d)
{
	(void)var, (void)kind, (void)locator, (void)d;
	return 0;
}
static inline int pmig_add_hooks(const struct pmig_hooks *hooks, void *context)
{
	(void)hooks, (void)context;
	return 0;
}
static inline const char *pmig_name(void)
{
	return "";
}
static inline uint64_t pmig_epoch(void)
{
	return 0;
}
#define PMIG_RESOURCE(...) struct pmig_match_unused_

#endif

#ifdef __cplusplus
}
#endif

#endif
