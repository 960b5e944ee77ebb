/* probe: how good the way to an agent is, measured on the session that is open anyway: round trips of a packet without bytes, then a
 * train of packets with bytes that mean nothing, so long that what buffers and token buckets let through at once is behind it.
 *
 * Jain, Routhier: Packet Trains, IEEE JSAC 4(6), 1986: the bandwidth is the slope of the arrivals, not bytes by time. */
#ifndef PMIG_SUPERVISOR_PROBE_H
#define PMIG_SUPERVISOR_PROBE_H

#include "remote.h"

struct probe;

struct probe_options {
	struct loop *loop;
	struct remote *remote;       /* connected; borrowed */
	bool no_train;               /* only round trips: what else goes by that session does not wait behind a train */
	void (*done)(void *context); /* once, whatever came of it; never from within probe_create() */
	void *context;
};

int probe_create(const struct probe_options *options, struct probe **ret_probe) PMIG_MUST_CHECK;
void probe_destroy(struct probe *p); /* NULL is fine */

bool probe_packet(struct probe *p, const struct remote *r, const struct packet *k); /* true: it was an answer to it */

bool probe_is_done(const struct probe *p);
uint64_t probe_rtt(const struct probe *p);       /* nanoseconds; 0: not measured */
uint64_t probe_bandwidth(const struct probe *p); /* bytes per second, on the way there; 0: not measured */

#endif
