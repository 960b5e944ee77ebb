/* declare: what the program has said about its resources, and its hooks; one list in the arena, in the order of declaration.
 *
 * Declaring and closing touch memory only: the agent is told of what is new at the next safe point, all at once (declare_tell()), and never
 * of what came and went in between. */
#ifndef PMIG_RESOURCE_DECLARE_H
#define PMIG_RESOURCE_DECLARE_H

#include "../base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum declare_thing {
	DECLARE_DESCRIPTOR = 1,
	DECLARE_MEMORY,
	DECLARE_HANDLE,
	DECLARE_HOOKS /* belongs to nothing */
};

/* Lies in the arena, strings too. */
struct declared {
	struct declared *next, *previous;
	struct declared *next_of_key; /* declare.c */
	const void *key;
	uint32_t slot; /* its number towards the agent */
	uint32_t thing;
	int32_t fd;
	uint64_t device, inode; /* what fd was then: a number that was used again is another thing */
	void *address;          /* memory */
	size_t size;
	void **var;    /* handle */
	char *kind;    /* descriptor: NULL until it is told */
	char *locator; /* the same */
	struct pmig_declaration d;
	struct pmig_hooks hooks;
	uint32_t has_hooks;
	uint32_t strategy;  /* at the last checkpoint; enum pmig_strategy */
	uint32_t present;   /* descriptor: it was found at the last checkpoint, and is what was declared */
	uint32_t told;      /* the agent knows it */
	uint64_t reference; /* handle: as struct pmig_resource has it, from one checkpoint to the next */
	char *there;        /* the same; NULL: "" */
};

/* In the order of declaration; NULL: no more. declare_last() and ->previous: the reverse. */
struct declared *declare_first(void);
struct declared *declare_last(void);

/* How it is called in sentences. */
const char *declare_name(const struct declared *e);

/* The declaration of descriptor `fd`, which is `st`; NULL: none. */
struct declared *declare_of(int fd, const struct stat *st);

/* File scope: the declaration that matches (NULL: none), all of them by index (NULL: no more), and what was done at the last checkpoint
 * with what matched it (0: nothing did). */
const struct pmig_match *declare_match(const char *kind, const char *locator);
const struct pmig_match *declare_match_at(size_t index);
void declare_matched(const struct pmig_match *m, enum pmig_strategy strategy);
enum pmig_strategy declare_match_strategy(size_t index);

/* `fd` is about to be closed by the program: its declaration ends. */
void declare_closed(int fd);
void declare_closed_from(unsigned first, unsigned last);

/* The program has unmapped these bytes: what it declared of them ends. */
void declare_unmapped(const void *address, size_t size);

/* While `e` is held, closing its descriptor does not end it: its `secret` hook puts another one there. NULL: none is. */
void declare_hold(struct declared *e);

/* A checkpoint begins: nothing was found or matched yet. */
void declare_begin(void);

/* In another process: descriptors have other inodes and perhaps other paths; what was not found at the checkpoint is withdrawn. */
void declare_arrived(void);

/* A text of the declaration becomes a copy of `text`; it stays as it was where there is no memory. */
void declare_set_text(char **which, const char *text);

/* At the start and after a restore: the agent knows nothing yet; then at safe points: what is new. */
void declare_announce(void);
void declare_tell(void);

#endif
