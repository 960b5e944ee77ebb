/* channels: what a program uses from other hosts, as home sees it: who holds what, and which channel leads from where to where. Two
 * agents never speak with each other: home passes their packets on, and brings both ends together again after a lost
 * connection, also those that an earlier supervisor had brought together: the agents tell what they have.
 *
 * The agents of hosts that hold something are kept beside the stations, as long as they do. */
#ifndef PMIG_SUPERVISOR_CHANNELS_H
#define PMIG_SUPERVISOR_CHANNELS_H

#include "parts.h"

struct move;

/* Attached: connects the hosts that, as the registry says, hold something. */
int channels_open(struct supervisor *s) PMIG_MUST_CHECK;
void channels_close(struct supervisor *s);

/* An agent that is not needed for anything else: true: it is kept, since it holds something. */
bool channels_keep(struct supervisor *s, struct remote *r);
/* The kept one at `label`, which becomes the caller's, who gives it back by supervisor_dismiss(). NULL: there is none. */
struct remote *channels_take(struct supervisor *s, const char *label);
bool channels_keeps(const struct supervisor *s, const struct remote *r);

void channels_up(struct supervisor *s, struct remote *r);
bool channels_event(struct supervisor *s, struct remote *r, const json_t *event); /* true: it was about channels */
void channels_packet(struct supervisor *s, struct remote *r, const struct packet *p);
void channels_room(struct supervisor *s, const struct remote *r);

/* A hand-over: before anything is touched, and at the freeze; `frozen`: what the source said then. */
int channels_plan(struct move *m) PMIG_MUST_CHECK; /* PMIG_EUNREACHED: what it uses from elsewhere is out of reach */
/* Before the freeze: the program is about to come back to its connections at the target, where nothing more is read from them for a moment;
 * `then`, unless that is done or there is none: false. */
bool channels_quiet(struct move *m, void (*then)(struct move *m));
/* Before the restore, where the user trusts the network: holders of connections get ways to the target that do not lead through home
 * (transport/agent_plain.h); `then`, unless there is nothing to do or it is done: false. Who gets none has a channel as ever. */
bool plain_open(struct move *m, void (*then)(struct move *m));
void plain_begin(struct move *m); /* the program runs there */
int channels_check(struct move *m,
	const json_t *frozen) PMIG_MUST_CHECK; /* PMIG_EUNREACHED: something would be out of reach */
void channels_arrived(struct move *m);         /* it runs at the target */
void channels_settled(struct move *m);         /* for good: what it does not use any more is let go */
void channels_undone(struct move *m);

/* Where others find the program although it is elsewhere: {"at": host, "address": text} for each socket that stayed there. */
json_t *channels_addresses(const struct supervisor *s);
/* The program has ended: true when nothing is under way any more and what was held is let go; else streams_check() is called then. */
bool channels_finish(struct supervisor *s);

#endif
