/* <pmig/pmig_peer.h>: conversations that outlive moves: of either side, of both, at the same moment.
 *
 * A conversation is what a TCP connection is, a stream of bytes each way, each byte exactly once and in order; but it does not end
 * with a connection. When a program under pmig has moved, it tells its address and epoch to the peers that take part before it
 * goes on; they connect to it directly, and both go on where each of them was. Nothing is left behind for them at the old host,
 * which can be switched off. Peers that do not use this library are served by a forwarder at the old address.
 *
 * Any C program can use it: the library, libpmig-peer, needs nothing else of pmig. Link with -lpmig-peer; pmig-cc then takes a
 * build of it that moves along.
 *
 * Normal usage, the side that calls:
 *   1. pmig_peer_connect(&p, &(struct pmig_peer_options){.address = "alpha:7000"});
 *   2. pmig_peer_write(), pmig_peer_read() as with a socket;
 *   3. pmig_peer_end() when all is said, pmig_peer_close() when all is read.
 *
 * Normal usage, the side that listens:
 *   1. pmig_peer_listen(&server, &(struct pmig_peer_options){.address = "0.0.0.0:7000"});
 *   2. pmig_peer_wait(server, -1, &p): the next conversation that is new, or has something to read, to write or to hear;
 *   3. pmig_peer_read(), pmig_peer_write() on it, which do not wait; pmig_peer_close() at its end; and again.
 *
 * The side that calls makes connections anew, and need not be reachable itself. It tries the addresses that it was told last,
 * then those that it was given: so give it, with commas, whatever is likely to know (the first host, the home of the program).
 * A server may name others that know the way to it (`further`), and the program that calls may look for it itself (`find`): by the
 * registry of its home, for example, with `pmig ps --json`. So it is found although the host where it was, with all that was left
 * behind there, has failed.
 *
 * How it works. Each side numbers the bytes that it sends and keeps them until the other has read them (sequence numbers and
 * acknowledgement as in TCP, RFC 9293; a session above connections as in Snoeren, Andersen, Balakrishnan: Fine-Grained Failover
 * Using Connection Migration, USITS 2001, and Zandy, Miller: Reliable Network Connections, MobiCom 2002). Over a new connection both
 * first prove that they know the key of the conversation (SipHash over nonces of both: Aumasson, Bernstein, INDOCRYPT 2012), then
 * say how far they got. Each side also says its epoch, pmig_epoch(), and refuses one that is lower than the highest it has seen of
 * the other: of a copy that was left behind nobody hears anything.
 *
 * Who can only connect cannot take part in somebody else's conversation. Who reads the network reads it, as with TCP: where that
 * matters, speak TLS over it.
 *
 * Errors: 0 or more is good, a negative PMIG_E* of <pmig/pmig.h> otherwise; pmig_peer_reason() says it in words. An object is for
 * one thread at a time. Nothing here raises SIGPIPE. */
#ifndef PMIG_PMIG_PEER_H
#define PMIG_PMIG_PEER_H

#include <pmig/pmig.h>

#include <poll.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pmig_peer;        /* one conversation */
struct pmig_peer_server; /* who listens, and its conversations */

#define PMIG_PEER_ADDRESSES 16 /* that are known of a peer at most */

/* Zero-initialise with designated initialisers; copied. */
struct pmig_peer_options {
	/* To call: HOST:PORT, or several with commas, tried in that order. To listen: one, of this host, "0.0.0.0:PORT" or "[::]:PORT"
	 * for all of its own. Hosts may be names. Required. */
	const char *address;
	/* Bytes that may be under way or unread, each way; 0: 256 KiB. The smaller one of both sides counts. */
	size_t window;
	/* Milliseconds that a conversation without a connection, or one that does not answer, is kept; 0: 60000; < 0: for ever. */
	int patience;
	/* To listen: conversations at once; 0: 1000. More are refused. */
	int most;
	/* To listen: nobody but participants will come to this address. Then no forwarder is left behind at a move; the listener
	 * is any one of its kind, at the same port of the target or the next free one. */
	bool participants_only;
	/* Milliseconds after which a connection counts as lost whose other host says nothing at all, at least 2000; 0: 30000; < 0: never. The
	 * kernel there is asked (tcp(7), keepalive), so one whose program is busy, or was stopped, is not lost by it. */
	int silence;
	/* To listen: addresses, numbers with commas, that are named to participants after its own: where a way to it is known as well. */
	const char *further;
	/* To call: looks for the server when it is at none of the addresses that are known; called once in each round through them, at
	 * most every second. Writes addresses as in `address` into `ret`, of `size` bytes; < 0: nothing was found. `context` is handed to it. It
	 * may wait, and so does the call that is being made. NULL: nobody looks. */
	int (*find)(void *context, char *ret, size_t size);
	void *context;
};

/* Calls a server; waits until the conversation has begun, at most as long as its patience.
 * Errors: PMIG_EINVAL (no address, or not one), PMIG_ENOMEM, PMIG_EUNREACHED (nobody there, or something else), PMIG_EREFUSED (the server
 * has as many as it wants). Then *ret_peer is untouched, and pmig_peer_reason(NULL) has the words. */
int pmig_peer_connect(struct pmig_peer **ret_peer, const struct pmig_peer_options *options);

/* Begins to listen. Errors: PMIG_EINVAL, PMIG_ENOMEM, PMIG_EBUSY (the address is in use), PMIG_EIO. */
int pmig_peer_listen(struct pmig_peer_server **ret_server, const struct pmig_peer_options *options);

/* Does what is to be done, and waits for the next conversation of which there is news: it is new, there is something to read
 * or its end, there is room again after a write that found none, all that was written before pmig_peer_end() has been read, or it has
 * failed. One that is left as it is comes again, after the others. At most `timeout` milliseconds; < 0: no limit.
 * Returns 1 and the conversation, which belongs to the server until pmig_peer_close(); 0: nothing within that time, or a signal came.
 * Errors: PMIG_ESTALE: a later copy of this program runs elsewhere, this one should end; PMIG_EIO, PMIG_ENOMEM. */
int pmig_peer_wait(struct pmig_peer_server *server, int timeout, struct pmig_peer **ret_peer);

/* For an event loop of its own: what pmig_peer_wait() would wait for. Writes up to `room` descriptors into `fds` and returns how many
 * there are in all (more than `room`: ask again with more); *ret_timeout is when to come back at the latest, in milliseconds, < 0: never.
 * When poll() returns, call pmig_peer_wait() with a timeout of 0 until it returns 0. */
int pmig_peer_server_fds(struct pmig_peer_server *server, struct pollfd *fds, int room, int *ret_timeout);

/* Takes up to `size` bytes to be sent, and returns how many, at least one. Who calls waits for room; of a server's conversation
 * the error is PMIG_EBUSY where there is none now. Other errors: PMIG_EINVAL (after pmig_peer_end(), size 0), PMIG_EUNREACHED (its patience has
 * come to an end), PMIG_EGONE (the other has closed it, or does not know it any more), PMIG_ESTALE (this side is a copy that was left
 * behind, or the other one went back to an earlier state), PMIG_EPROTOCOL, PMIG_ENOMEM. */
ssize_t pmig_peer_write(struct pmig_peer *peer, const void *bytes, size_t size);

/* Reads up to `size` bytes, and returns how many; 0: the other has said all (pmig_peer_end()). What was read is
 * acknowledged. Who calls waits; of a server's conversation the error is PMIG_EBUSY where there is nothing now. Other errors as above. */
ssize_t pmig_peer_read(struct pmig_peer *peer, void *bytes, size_t size);

/* Side that calls: does what is to be done and waits until there is something to read (POLLIN), or room to write (POLLOUT), whichever of
 * `events` comes first; at most `timeout` milliseconds; < 0: no limit. Returns what there is, 0: nothing, or a signal came. Errors as above. */
int pmig_peer_poll(struct pmig_peer *peer, short events, int timeout);

/* This side has said all: the other reads 0 after the last byte. Does not wait. PMIG_EINVAL: it was said before. */
int pmig_peer_end(struct pmig_peer *peer);

/* Has the other read everything that was written, and its end? */
bool pmig_peer_all_read(const struct pmig_peer *peer);

/* Ends a conversation. Who calls waits until all that it wrote has been read. A server's conversation goes on sending it, while
 * pmig_peer_wait() is called. What the other writes and nobody has read is lost, and it hears that: read to the end before. Frees `peer` in any case; NULL is allowed. Errors: as of pmig_peer_write(): then the other
 * may not have read all. */
int pmig_peer_close(struct pmig_peer *peer);

/* Frees a server and all of its conversations, at once: close them before. NULL is allowed. */
void pmig_peer_server_destroy(struct pmig_peer_server *server);

/* What the program wants to remember with a conversation; NULL at first. */
void pmig_peer_set_context(struct pmig_peer *peer, void *context);
void *pmig_peer_context(const struct pmig_peer *peer);

/* The other's epoch as last heard; 0: it is not under pmig. */
uint64_t pmig_peer_epoch(const struct pmig_peer *peer);

/* How many connections the conversation has had so far. */
unsigned pmig_peer_connections(const struct pmig_peer *peer);

/* The address of the other end of its connection, "10.0.0.2:7000"; "": there is none now. Borrowed until the next call with `peer`. */
const char *pmig_peer_address(struct pmig_peer *peer);

/* Where participants can reach the server now: addresses with commas; "": as it was told to listen. Borrowed until the next call. */
const char *pmig_peer_server_addresses(const struct pmig_peer_server *server);

/* Why the last call with `peer` failed; with NULL, why a pmig_peer_connect() or pmig_peer_listen() of this thread did. */
const char *pmig_peer_reason(const struct pmig_peer *peer);

#ifdef __cplusplus
}
#endif

#endif
