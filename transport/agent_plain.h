/* agent_plain: on a network that the user trusts, the bytes of a held connection go straight to the program, by plain TCP: its number is the
 * socket itself, and the holder splices (plain_relay.h). Home says so for a hand-over, carries the tokens, and knows when the program
 * runs. Before every freeze a way becomes a channel again (CONTROL_UNPLAIN), so that images, returns and what is given up know of channels
 * only. Included by files of the agent only.
 *
 *   home to the target's agent    plain-listen   {epoch, references}: *one way each* -> {address, port, ways: [{reference, token}]}
 *   home to the holder's          plain-open     {epoch, address, port, ways} -> {opened: how many}; who cannot be reached in PATIENCE
 *                                                has a channel as ever
 *   home to the holder's          plain-begin    {epoch}: the program runs there
 *   the program's, at a freeze    {"event": "plain-drain", channel, reference, first}: agent_plain_drain.c; passed on to the holder as the
 *                                 request plain-drain, whose answer goes back as plain-stop {channel, failure, reason}
 *   the holder's, when it is done {"event": "plain-drained", channel, reference}: passed on as the request plain-drained
 *   the program's, when it is     {"event": "plain-made", channel, reference}: it is a channel as any other
 *   the holder's                  {"event": "plain-over", reference}: both directions have ended */
#ifndef PMIG_TRANSPORT_AGENT_PLAIN_H
#define PMIG_TRANSPORT_AGENT_PLAIN_H

#include "agent_reference.h"

/* The program asks for a connection (CONTROL_CONNECT), `state` as there. True: it was answered with a direct way. */
bool agent_plain_connect(struct agent *a, const struct control_message *m, int state);

/* CONTROL_UNPLAIN: begins with it, and answers when it is done, if the message has a ticket. PMIG_EGONE: there is nothing to be drained. */
int agent_plain_drain(struct agent *a, const struct control_message *m, int fd) PMIG_MUST_CHECK;

bool agent_plain_uses(const struct agent *a, uint64_t reference); /* the program's number of it is a direct way */
json_t *agent_plain_describe(const struct agent *a);              /* those that are */
bool agent_plain_busy(const struct agent *a);                     /* bytes of somebody pass through here */

void agent_plain_firm(struct agent *a); /* the program runs elsewhere for good: what waited for that begins */
void agent_plain_undo(struct agent *a); /* the program goes on here */
void agent_plain_lose(struct agent *a); /* a copy that was given ways does not run */
void agent_plain_end(struct agent *a);

#endif
