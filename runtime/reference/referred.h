/* referred: which descriptors of this process stand for a thing at another host, and for which: by the device and inode that the
 * descriptor has here (a socket's, a placeholder's). The list lies in the arena, so that the next hop finds it; the agent is
 * told, since it sees nothing but a socket.
 *
 * Normal usage, by a kind:
 *   match()   referred_as(r, "device"): r is one of mine, although it looks like something else
 *   save()    referred_find(&r->st): where it is, and what was known of the thing when it was left behind
 *   refer()   referred_add(), when reference_connect() gave something that is not the thing itself */
#ifndef PMIG_REFERENCE_REFERRED_H
#define PMIG_REFERENCE_REFERRED_H

#include "../base/error.h"

#include <pmig/kind.h>

struct referred {
	struct referred *next;
	uint64_t device, inode; /* of the descriptor here */
	uint64_t id;            /* of the reference */
	bool single; /* no other number of this process leads there: nobody has to be looked for when it is closed */
	char *kind, *locator; /* of the thing, at its host */
	void *own;            /* the kind's */
	size_t size;
};

/* The entry of what a descriptor leads to; NULL: it is what it looks like. */
struct referred *referred_find(const struct stat *st);

/* The same of a descriptor. Changes errno only where there is any entry at all. */
struct referred *referred_of(int fd);

bool referred_any(void); /* there is an entry */

/* Whether r stands for a thing of that kind. */
bool referred_as(const struct pmig_resource *r, const char *kind);

/* What `fd` leads to stands for reference `id` from now on; all is copied. Errors: PMIG_ENOMEM. */
PMIG_MUST_CHECK int referred_add(int fd, uint64_t id, const char *kind, const char *locator, const void *own, size_t size);

/* A connection that was just accepted as `fd`: the same, and the agent is told. */
PMIG_MUST_CHECK int referred_accept(int fd, uint64_t id, const char *kind, const char *locator, const void *own,
	size_t size);

/* `fd` is about to have another number as well. */
void referred_doubles(int fd);

/* `fd` is about to be closed: with the last number of this process that leads to what it stands for, the entry ends. A connection is let
 * go when nobody has its socket any more, which a child may; any other socket's reference is dropped. May be called by a handler. */
void referred_closed(int fd);
void referred_closed_from(unsigned first, unsigned last);

/* The entry ends; its reference is not told. */
void referred_drop(struct referred *entry);

/* In a process that is restored, before anything is made anew: what was true at the other host is so no more. */
void referred_forget(void);

/* Its number leads to another socket now, and the agent is told. */
void referred_renew(struct referred *entry, int fd);

/* The agent is told of one that came while the program runs. */
void referred_tell(int fd);

/* The agent is told of every entry: after a restore. */
void referred_announce(void);

#endif
