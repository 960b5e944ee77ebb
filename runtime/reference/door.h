/* door: a socket that listens and stayed at its host, from the program's side. There its agent accepts what connects to the old address;
 * here the program's number is a unix socket that listens, where each of these connections comes in again, by the agent of this host,
 * under a name that says who it is (base/socket_label.h).
 *
 * Normal usage, by runtime/kind/listener.c:
 *   save()   reference_keep() or reference_carry(), then door_pending() until it says that there is no more
 *   refer()  door_open(), then door_offer() for each; accept(2) of the program ends in pmig_accepted() */
#ifndef PMIG_REFERENCE_DOOR_H
#define PMIG_REFERENCE_DOOR_H

#include "../base/error.h"
#include "../base/socket_label.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *ret_fd: the socket (close-on-exec, the caller's); at the host of the thing that itself, and *ret_itself. But where `waiting` connections
 * will be offered, or others came in that nobody has accepted, it is a door there too, until the last of them has been
 * accepted: then the thing takes its place under all its numbers, and in the epoll sets. Errors: as of reference_connect(). */
PMIG_MUST_CHECK int door_open(uint64_t id, int backlog, size_t waiting, int *ret_fd, bool *ret_itself);

/* The process runs here now, and `fd` has its number: if nothing waits in it after all, the thing itself takes its place. */
void door_settle(int fd);

/* `thing` takes the place of what `fd` is, under all its numbers and in the epoll sets. What it was is *ret_old then, without a number that
 * the program knows (the caller's; -1: there was no number left). */
void door_replace(int fd, int thing, int *ret_old);

/* The next connection that came in and was not accepted: 1, its label as a text and its bytes as a file (the caller's); 0: there is no more.
 * Nothing comes in from the first call on until the program goes on. Errors as above. */
PMIG_MUST_CHECK int door_pending(uint64_t id, char ret_label[SOCKET_LABEL_TEXT], int *ret_state);

/* Such a connection waits to be accepted here; `state` is borrowed. */
PMIG_MUST_CHECK int door_offer(uint64_t id, const char *label, int state);

#endif
