/* reference: a thing that stays at the host where it is and is used from another one. The agent of that host holds it (a duplicate
 * of the descriptor, or an address) and serves it; agent and supervisor carry the bytes (transport/channel.h).
 *
 * Normal usage, by a kind:
 *   source   save() with strategy PMIG_REFER: reference_keep(), or reference_carry() where it lies at a third host already;
 *            write the number into the image
 *   target   refer(): read the number, reference_connect() or reference_listen()
 *   later    reference_drop() when the program has closed it for good
 *
 * A stream of bytes (REFERENCE_STREAM) goes on at the next host where it was, with what is under way: save() takes its state by
 * reference_suspend() instead of reference_carry(), and refer() calls reference_resume() with it.
 *
 * What was kept during a hand-over that is given up is let go by the agent; the kind has nothing to undo. A reference ends with
 * the process, or when the process comes back to where the thing is: then reference_connect() gives the thing itself. */
#ifndef PMIG_REFERENCE_REFERENCE_H
#define PMIG_REFERENCE_REFERENCE_H

#include "../base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reference_kind {
	REFERENCE_FILE = 1, /* a regular file or a directory: served by the protocol of remote_file.h */
	REFERENCE_STREAM,   /* a device, a terminal, a pipe: its bytes in both directions */
	REFERENCE_ADDRESS,  /* where a service listens: each connection made at the target is made there */
	REFERENCE_CONNECTION, /* a connected stream socket: its bytes, ends, urgent mark and failure, and notes (socket_note.h) */
	REFERENCE_LISTENER, /* a socket that listens: what connects to it is a connection */
	REFERENCE_DATAGRAM, /* a socket of datagrams or of packets */
	REFERENCE_LAST = REFERENCE_DATAGRAM
};

/* What is held and used by nobody who says so is let go after this: by who holds it, when there has been no supervisor for so long. */
#define REFERENCE_LEASE_MS (7 * 24 * 60 * 60 * 1000)

/* A duplicate of `fd` (REFERENCE_ADDRESS: -1, and `locator` is "HOST:PORT" or an absolute path of a unix socket as seen from
 * here) is held at this host from now on. *ret_id: its number, never 0, unique among all hosts. What the agent cannot hold fails the
 * hand-over later, in its words. Errors: PMIG_EGONE (no agent), PMIG_EIO. */
PMIG_MUST_CHECK int reference_keep(enum reference_kind kind, int fd, const char *locator, uint64_t *ret_id);

/* The thing of this number, which lies at another host, will be used from the target as well. */
PMIG_MUST_CHECK int reference_carry(uint64_t id);

/* As reference_carry(), of a REFERENCE_STREAM whose bytes come by `fd`, the program's end, which is read and written no more: *ret_state
 * is a file (the caller's, at its beginning) with all that is under way in both directions, at most REFERENCE_STATE_MAX bytes, for the image. Where
 * the hand-over is given up, `fd` goes on as if nothing had happened. Errors as for reference_connect(). */
#define REFERENCE_STATE_MAX (25u << 20)
PMIG_MUST_CHECK int reference_suspend(uint64_t id, int fd, int *ret_state);

/* `fd` is a TCP socket by which the agent gave the program a connection directly: *ret_fd (the caller's) takes its place, with all bytes that
 * were under way, and can be suspended. PMIG_EGONE: it has ended, and stays as it is. It may be begun before, with many at once. */
void reference_unplain_begin(uint64_t id, int fd);
PMIG_MUST_CHECK int reference_unplain(uint64_t id, int fd, int *ret_fd);

/* As reference_connect(), and the bytes of `state` (borrowed; what reference_suspend() gave, from its beginning) are in front of all
 * others. At the host of the thing: the thing itself, unless bytes are still under way: then they come first, through a socket
 * as elsewhere, and *ret_itself is false. Also PMIG_ECORRUPT (not such a state). */
PMIG_MUST_CHECK int reference_resume(uint64_t id, int state, int *ret_fd, bool *ret_itself);

/* As reference_resume(), or where `state` is -1 as reference_connect(), of a REFERENCE_DATAGRAM: *ret_fd is a SOCK_SEQPACKET socket whose
 * messages are those of datagram_frame.h, or the socket itself. */
#define REFERENCE_DATAGRAMS "datagrams"
PMIG_MUST_CHECK int reference_datagrams(uint64_t id, int state, int *ret_fd, bool *ret_itself);

/* *ret_fd: a connected stream socket to what serves the thing (close-on-exec, the caller's), *ret_itself false; or, at the host
 * where it is, the thing itself, *ret_itself true. Waits for the answer. Errors: PMIG_EUNREACHED (the sentence names the host),
 * PMIG_EREFUSED (it is not held there any more), PMIG_ETIMEOUT. */
PMIG_MUST_CHECK int reference_connect(uint64_t id, int *ret_fd, bool *ret_itself);

/* REFERENCE_CONNECTION: as reference_connect(), or, with a state, as reference_resume(); `state` -1: it has none. Does not wait for the
 * other host: should it be held there no more, the socket ends with ECONNRESET. */
#define REFERENCE_CONNECTED "connection"
PMIG_MUST_CHECK int reference_connected(uint64_t id, int state, int *ret_fd, bool *ret_itself);

/* REFERENCE_ADDRESS: from now on connections to *ret_address at this host, made by anybody of this user, come out at the thing. It is
 * `wanted` ("HOST:PORT" of loopback, or a path) where that is free here, else another port. At the host of the thing it is the
 * thing's own address and nothing is set up. Errors as above. */
PMIG_MUST_CHECK int reference_listen(uint64_t id, const char *wanted, char *ret_address, size_t size);

/* Something for whoever holds the thing, in order with the bytes that went before through its channel: the options of a socket
 * (socket_note.h). At most REFERENCE_NOTE_MAX bytes. `waits`: the agent has taken it when this returns, so that a close(2) comes after
 * it. Errors: PMIG_EGONE, PMIG_ETIMEOUT. */
#define REFERENCE_NOTE_MAX 64
PMIG_MUST_CHECK int reference_tell(uint64_t id, const void *note, size_t size, bool waits);

/* The program does not use it any more: it is let go. */
void reference_drop(uint64_t id);

#endif
