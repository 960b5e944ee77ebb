/* agent_plain_parts: what the files about direct ways share; included by them only. */
#ifndef PMIG_TRANSPORT_AGENT_PLAIN_PARTS_H
#define PMIG_TRANSPORT_AGENT_PLAIN_PARTS_H

#include "agent_plain.h"
#include "channel_plain.h"

/* Behind the welcome comes what is under way, from the target to the holder: u64 bytes, little-endian, then a state as of channel_suspend(). */
#define PLAIN_STATE_HEAD 8
#define PLAIN_WAITING_MAX (2u << 20) /* what waits at one end may become a way; TCP has some MiB more under way soon */

void agent_plain_tell(struct agent *a, const char *event, uint64_t reference, uint64_t channel); /* 0: none */
/* An end that goes on at once with what each side has under way; `o` has the rest, its descriptor is taken. */
int agent_plain_end_make(struct agent *a, struct end_options o, const struct plain_front *out, const struct plain_front *in,
	struct end **ret) PMIG_MUST_CHECK;
void agent_plain_forget(struct agent *a, uint64_t reference); /* its way is none any more */
void agent_plain_drain_end(struct agent *a);
void agent_plain_hold_end(struct agent *a);

#endif
