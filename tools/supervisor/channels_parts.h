/* channels_parts: what the files about channels share; included by them only. */
#ifndef PMIG_SUPERVISOR_CHANNELS_PARTS_H
#define PMIG_SUPERVISOR_CHANNELS_PARTS_H

#include "channels.h"
#include "transport/channel_open.h"

#define KNOWN_LOCATOR 512

/* Something that a host holds for the program. */
struct known {
	struct known *next;
	uint64_t id;
	int kind;     /* enum reference_kind */
	bool firm;    /* else: for a hand-over that may be given up yet */
	bool listed;  /* in the registry */
	bool counted; /* since it was written there */
	bool plain;   /* its bytes go directly */
	bool fresh;   /* not worth a row yet: a connection that came in just now */
	uint64_t via; /* a connection: the listener through which it came in; 0: none */
	uint64_t traffic;
	int64_t hops, slot;
	char holder[PMIG_NAME_MAX + 1], to[PMIG_NAME_MAX + 1];
	char user[PMIG_NAME_MAX + 1]; /* where its direct way becomes a channel */
	char locator[KNOWN_LOCATOR], why[KNOWN_LOCATOR];
};

/* A channel. The ends are labels of hosts; "": not known yet. */
struct route {
	struct route *next;
	uint64_t id, reference;
	uint64_t epoch; /* of the opener; 0: not known */
	char opener[PMIG_NAME_MAX + 1], holder[PMIG_NAME_MAX + 1];
	char fresh[PMIG_NAME_MAX + 1]; /* who will be the opener when the program runs there */
	bool asked;                    /* the holder has no end yet */
	bool offered;                  /* the opener's agent was asked to take it in, and has not answered */
	bool lingers;   /* the program has closed it, and what it wrote last is on its way from where it was */
	bool done[2];   /* the end of the holder, of the opener */
	bool missed[2]; /* [1]: from the opener; not passed on, because who is to have it does not keep up */
	uint64_t missed_at[2];
};

/* A connection that was accepted at its holder, and that the program has not been given yet. */
struct incoming {
	struct incoming *next;
	struct channel_opening opening;
	bool waits; /* for CHANNEL_TAKES: it was refused, or one of its listener that came before it */
	bool again; /* the holder does not know what has arrived of it */
};

struct kept {
	struct kept *next;
	struct remote *remote;
	bool ahead; /* it has heard of a later epoch than is known here */
};

struct telling;

struct channels {
	struct known *known;
	struct route *routes;
	struct kept *kept;
	struct telling *tellings;  /* one of each agent at most */
	struct incoming *incoming; /* in the order in which they came */
	size_t incoming_count;
	bool searching; /* not all who may hold something have said so */
	bool ending;
	struct loop_source *consider, *write, *late, *offer, *renew;
};

struct channels *channels_of(struct supervisor *s); /* never NULL */

/* Of a channel or a reference, as it travels in JSON; 0: none. */
uint64_t channels_number(const json_t *object, const char *key);

struct known *channels_known(struct supervisor *s, uint64_t id); /* NULL: nobody holds it, as far as known */
struct remote *channels_remote(struct supervisor *s, const char *label);

/* The channels that wait for the program at `label` lead there now; those that waited elsewhere do not. */
void channels_switch(struct supervisor *s, const char *label);
void channels_consider(struct supervisor *s); /* a little later: who is not needed any more is dismissed */

struct route *channels_route(struct supervisor *s, uint64_t id); /* NULL: there is none */
struct route *channels_route_add(struct supervisor *s, uint64_t id, uint64_t reference);
void channels_route_end(struct supervisor *s, struct route *t);
/* An end has ended; `reason`: why, if `code` < 0. */
void channels_ended(struct supervisor *s, struct remote *r, uint64_t channel, uint64_t reference, bool opener, int code,
	const char *reason);
void channels_label(char to[PMIG_NAME_MAX + 1], const char *label);
/* The end at `label` hears that the other one is gone, and why. */
void channels_over(struct supervisor *s, const struct route *t, const char *label, int code, const char *reason);
void channels_resume(struct supervisor *s, struct route *t); /* the way is new: both ends say what they have */

/* --- incoming.c --- */
/* The words for home: CHANNEL_OPEN and what follows it. */
void incoming_packet(struct supervisor *s, struct remote *r, const struct channel_packet *k);
void incoming_seen(struct supervisor *s, struct route *t, const json_t *said); /* its holder has it, as it says again */
void incoming_taken(struct supervisor *s, struct route *t);                    /* the program has it */
/* The way to an agent is new: what it was asked and does not have, as its hello says, is not under way any more. */
void incoming_lost(struct supervisor *s, const char *label);
void incoming_closed(struct supervisor *s, const struct remote *r, uint64_t channel, uint64_t reference,
	int code);                        /* its holder has it no more */
void incoming_pump(struct supervisor *s); /* what waits is offered to where the program runs, which may have changed */
bool incoming_waits(const struct supervisor *s, uint64_t reference);
void incoming_close(struct supervisor *s);

/* --- plain.c --- */
void plain_event(struct supervisor *s, struct remote *r, const json_t *event); /* "plain-..." */
void plain_up(struct supervisor *s, struct remote *r); /* it is connected: ways of it may not have begun yet */

/* --- telling.c --- */
void telling_event(struct supervisor *s, struct remote *r, const json_t *event); /* {"event": "tell"} */
void telling_up(struct supervisor *s, struct remote *r);                         /* it is connected, and may have one */
void telling_close(struct supervisor *s);

/* --- channels_held.c --- */
void channels_recall(struct supervisor *s, const struct pmig_reference_row *row); /* one that has a host */
struct known *channels_learn(struct supervisor *s, uint64_t id, const char *label, const json_t *said); /* NULL: no number */
void channels_forget(struct supervisor *s, struct known *k);
void channels_let_go(struct supervisor *s, struct known *k); /* tells its holder, and forgets it */
void channels_count(struct supervisor *s, struct known *k, size_t bytes);
void channels_write(struct supervisor *s); /* what was counted, into the registry */
bool channels_row_host(const struct pmig_reference_row *row, char ret_label[PMIG_NAME_MAX + 1]);

#endif
