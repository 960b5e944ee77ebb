/* channel_plain: a channel that becomes a direct way, and the other way round: what is under way in it as plain bytes. */
#ifndef PMIG_TRANSPORT_CHANNEL_PLAIN_H
#define PMIG_TRANSPORT_CHANNEL_PLAIN_H

#include "channel.h"
#include "plain_relay.h"

/* The state (as of channel_suspend()) of an end of a connection that has `out` on its way to the other end, and `in` to its descriptor (both
 * borrowed). Two ends that were made so, of the same number, belong together. *ret_state: a file at its beginning. PMIG_EREFUSED: too much. */
int channel_state_new(uint64_t id, const struct plain_front *out, const struct plain_front *in,
	int *ret_state) PMIG_MUST_CHECK;

/* It has bytes and ordinary ends only: nothing urgent, no option, no break. `state` is at its beginning then. */
bool channel_state_is_plain(struct loop *l, int state);

/* How many bytes wait at this end, in both directions. */
size_t channel_waiting(const struct channel *c);

/* What two ends have not done yet: `state` is the program's, `holder` the other. PMIG_ECORRUPT, PMIG_ENOMEM. */
int channel_merge(struct loop *l, int state, const struct channel *holder, struct plain_front *ret_to_program,
	struct plain_front *ret_to_client) PMIG_MUST_CHECK;

#endif
