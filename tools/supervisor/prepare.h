/* prepare: a program, and the libraries that a host lacks, in place there by content. */
#ifndef PMIG_SUPERVISOR_PREPARE_H
#define PMIG_SUPERVISOR_PREPARE_H

#include "parts.h"

struct prepare;

struct prepare_options {
	struct loop *loop;
	struct remote *target; /* connected */
	const char *name;      /* of the program, for people */
	const char *path;      /* where it is here */
	int program;           /* the same, open */
	const char *kinds;     /* kinds.h: shared objects here, a path a line; NULL: none */
	size_t data_count;     /* files of the program that are sent ahead; 0: none, and the next two are not called */
	/* A descriptor, taken; PREPARE_LATER: prepare_data() follows; PREPARE_NOT: it is not sent, and travels at the freeze. */
	int (*data_open)(void *context, size_t i);
	void (*data_done)(void *context, size_t i, const char *hash, const char *path); /* it lies there now */
	void (*tell)(void *context, json_t *line); /* {"phase": "prepare", "file": ...}, to be taken; NULL: nobody listens */
	void (*done)(void *context, int code);     /* once: it may be destroyed there, and must be soon; pmig_reason() */
	void *context;
};

#define PREPARE_NOT (-1)
#define PREPARE_LATER (-2)

int prepare_create(const struct prepare_options *o, struct prepare **ret_prepare) PMIG_MUST_CHECK;
void prepare_begin(struct prepare *p);   /* may call `done` at once */
void prepare_destroy(struct prepare *p); /* NULL is fine */

/* After `done` without error: where the program is there, and what its LD_LIBRARY_PATH has to have ("": nothing). */
const char *prepare_path(const struct prepare *p);
const char *prepare_library_path(const struct prepare *p);
const char *prepare_kinds(const struct prepare *p); /* where they are there, a path a line */

void prepare_data(struct prepare *p, int fd); /* what data_open() put off: a descriptor, taken, or PREPARE_NOT */
bool prepare_packet(struct prepare *p, const struct remote *r, const struct packet *k); /* true: it was one of its own */
void prepare_pump(struct prepare *p);                                                   /* there is room for more */
void prepare_lost(struct prepare *p,
	int code); /* the target is: what was on its way there waits for nothing; may call `done` */

#endif
