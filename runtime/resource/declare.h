/* declare: what the program has said about its resources, and its hooks; one list in the arena, in the order of
 * declaration. */
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
	uint32_t slot; /* its number towards the agent */
	uint32_t thing;
	int32_t fd;
	uint64_t device, inode; /* what fd was then: a number that was used again is another thing */
	void *address;          /* memory */
	size_t size;
	void **var; /* handle */
	char *kind;
	char *locator;
	struct pmig_declaration d;
	struct pmig_hooks hooks;
	uint32_t has_hooks;
	uint32_t strategy; /* at the last checkpoint; enum pmig_strategy */
};

/* In the order of declaration; NULL: no more. declare_last() and ->previous: the reverse. */
struct declared *declare_first(void);
struct declared *declare_last(void);

/* The declaration of descriptor `fd`, which is `st`; NULL: none. */
struct declared *declare_of(int fd, const struct stat *st);

/* The file-scope declaration that matches; NULL: none. */
const struct pmig_match *declare_match(const char *kind, const char *locator);

/* `fd` is about to be closed by the program: its declaration ends. */
void declare_closed(int fd);
void declare_closed_from(unsigned first, unsigned last);

/* At the start and after a restore: tells the agent of every declaration. */
void declare_announce(void);

#endif
