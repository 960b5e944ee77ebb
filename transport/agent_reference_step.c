/* agent_reference_step: what becomes of all that is held here, and of the ends of channels, at the steps of a hand-over. */
#include "agent_reference.h"

#include "agent_accept.h"
#include "agent_connection.h"
#include "agent_plain.h"
#include "agent_tell.h"

#include <stdlib.h>

void agent_reference_undo(struct agent *a)
{
	struct agent_references *r = a->references;
	if (r == NULL)
		return;
	for (struct held *h = r->held, *next; h != NULL; h = next) {
		next = h->next;
		if (!h->firm)
			agent_let_go(a, h);
	}
	agent_plain_undo(a);
	agent_door_undo(a);
	for (struct end *e = r->ends; e != NULL; e = e->next)
		if (e->suspended) {
			e->suspended = e->waits = false;
			channel_hold(e->channel, false);
		}
	(void)json_array_clear(r->carried);
	r->failed = 0;
}

void agent_reference_firm(struct agent *a)
{
	struct agent_references *r = a->references;
	if (r == NULL)
		return;
	for (struct held *h = r->held; h != NULL; h = h->next) {
		if (!h->firm && h->kind == REFERENCE_CONNECTION)
			agent_connection_firm(h);
		h->firm = true;
	}
	for (struct end *e = r->ends, *next; e != NULL; e = next) {
		next = e->next;
		if (e->suspended)
			agent_end_drop(e); /* it goes on elsewhere */
		else if (!e->opener)
			channel_hold(e->channel, false);
	}
	(void)json_array_clear(r->carried);
	agent_listen_end(a);
	agent_door_firm(a);
	agent_plain_firm(a);
}

void agent_reference_prepare(struct agent *a)
{
	if (a->references == NULL)
		return;
	agent_connection_return(a);
	agent_door_begin(a);
}

void agent_reference_begin(struct agent *a)
{
	struct agent_references *r = a->references;
	if (r == NULL)
		return;
	for (struct held *h = r->held, *next; h != NULL; h = next) {
		next = h->next;
		if (h->returned)
			agent_let_go(a, h);
	}
	for (struct end *e = r->ends; e != NULL; e = e->next)
		if (e->opener && e->waits) {
			e->waits = false;
			channel_hold(e->channel, false);
			if (e->local != NULL) {
				agent_accept_taken(e->local);
				channel_open(e->channel);
				channel_close(e->local->channel);
				channel_open(e->local->channel);
			}
		}
}

void agent_reference_lose(struct agent *a)
{
	struct agent_references *r = a->references;
	if (r == NULL)
		return;
	agent_listen_end(a);
	for (struct held *h = r->held; h != NULL; h = h->next)
		h->returned = false;
	agent_door_lose(a);
	agent_plain_lose(a);
	for (struct end *e = r->ends, *next; e != NULL; e = next) {
		next = e->next;
		if (!e->opener && e->waits) {
			e->waits = false;
			channel_hold(e->channel, false);
		} else if (e->opener && e->waits) {
			agent_end_drop(e);
			next = r->ends; /* its partner may have changed */
		}
	}
}

void agent_reference_end(struct agent *a)
{
	struct agent_references *r = a->references;
	if (r == NULL)
		return;
	agent_listen_end(a);
	agent_plain_end(a);
	agent_door_end(a);
	agent_accept_end(a);
	agent_tell_end(a);
	while (r->held != NULL)
		agent_let_go(a, r->held);
	agent_ends_end(a);
	loop_remove(&r->lease);
	loop_remove(&r->quiet);
	json_decref(r->carried);
	json_decref(r->dropped);
	free(r);
	a->references = NULL;
}
