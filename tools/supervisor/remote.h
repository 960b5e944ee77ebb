/* remote: the supervisor's side of the conversation with one agent, and the way to it: a link (or none, for this machine), the command
 * `pmig-agent connect`, requests with their answers, and coming back after a lost connection. */
#ifndef PMIG_SUPERVISOR_REMOTE_H
#define PMIG_SUPERVISOR_REMOTE_H

#include "transport/link.h"
#include "transport/peer.h"

#include <pmig/port.h>

struct remote;

struct remote_options {
	struct loop *loop;
	const char *where;       /* "home"; "[USER@]HOST[:PORT]"; "local:DIR": another state directory on this machine */
	const char *label;       /* what this host is called in registries */
	const char *home;        /* what home is called */
	const char *state;       /* of "home" */
	enum link_method method; /* for hosts; 0: LINK_SSH2 */
	const char *uuid, *name;
	const char *fault;                                                   /* for its fault points; NULL: none */
	void (*up)(void *context, struct remote *r);                         /* connected; remote_facts() is fresh */
	void (*down)(void *context, struct remote *r, int code);             /* could not connect, or lost; pmig_reason() */
	void (*event)(void *context, struct remote *r, const json_t *event); /* from the agent */
	int (*packet)(void *context, struct remote *r, const struct packet *p); /* of any stream but that of control */
	void (*room)(void *context, struct remote *r);
	uint64_t (*insists)(void *context); /* one that told an agent of a later epoch is not sent away there; 0: any is */
	uint64_t (*knows)(void *context);   /* an epoch: what each request says of how far its sender is (late.c) */
	void *context;
};

/* Strings are copied. */
int remote_create(const struct remote_options *options, struct remote **ret_remote) PMIG_MUST_CHECK;
void remote_destroy(struct remote *r); /* waits for a connection attempt to give up; requests are not answered; NULL is fine */

/* Connects in the background; `up` or `down` follows. Does nothing if it is connected or on the way. */
void remote_connect(struct remote *r, uint64_t seen);
void remote_connect_later(struct remote *r, uint64_t seen); /* the same, after a pause that grows with every failure */
void remote_cut(struct remote *r);                          /* as if the network had failed */
bool remote_is_up(const struct remote *r);

typedef void remote_answer(void *context, int code, const json_t *answer);

/* Sends {"do": verb} and what `arguments` (taken; NULL: none) has. `answer` (NULL: nobody asks) is called once, with the code of a
 * refusal and pmig_reason(), with PMIG_EUNREACHED if the connection is lost first; never from within this call. */
void remote_request(struct remote *r, const char *verb, json_t *arguments, remote_answer *answer, void *context);
void remote_forget(struct remote *r, void *context); /* answers for `context` are dropped */

struct peer *remote_peer(struct remote *r);         /* NULL: not connected */
const json_t *remote_facts(const struct remote *r); /* what the agent said when it was connected; NULL before */
const char *remote_label(const struct remote *r);
const char *remote_where(const struct remote *r);
struct link *remote_link(struct remote *r); /* open after the first connection; borrowed */
bool remote_is_local(const struct remote *r);

#endif
