/* call: looks for the other side, and goes on with it; call.h tells. */
#include "peer/call.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	ATTEMPT = 2500, /* milliseconds for one address: a lost packet is sent again after one second */
	PAUSE = 20,     /* between two rounds through all of them, doubled each time */
	PAUSE_MOST = 1000,
	ROUNDS = 4,       /* to find a better connection than one that works */
	FIND_PAUSE = 1000 /* milliseconds between two looks for it by the program */
};

struct call {
	struct address_list given, told; /* by the program; by the other side, which are tried first */
	struct address_list found;       /* by the program, when it was at none of them */
	int (*find)(void *context, char *ret, size_t size);
	void *find_context;
	int64_t find_at; /* not before */
	int next;        /* address to be tried */
	int rounds;      /* since it was last found or told */
	int refused;     /* in this round, by somebody who does not know this conversation */
	int64_t next_at;
	bool wants; /* a better connection than it has: the other side has moved */
	bool away;  /* so has this one */
	bool begun; /* it has an id */
	struct link attempt;
	bool called; /* over the attempt */
	bool strict; /* no other connection lived when it was made */
	uint8_t nonce[FRAME_ID];
	char where[80];
	int64_t deadline;
	int64_t asked; /* when it was asked whether the other is there; 0: it has answered */
	int trouble;   /* of the last attempt */
	char words[FRAME_TEXT + 1];
};

void pmig_peer_call_destroy(struct call *c)
{
	if (c != NULL)
		pmig_peer_link_close(&c->attempt);
	free(c);
}

static void give_up_attempt(struct call *c, int error, const char *words)
{
	c->trouble = error;
	snprintf(c->words, sizeof c->words, "%s", words);
	pmig_peer_link_close(&c->attempt);
}

/* From the first address again, now. */
static void look_anew(struct call *c)
{
	c->next = c->rounds = c->refused = 0;
	c->next_at = 0;
}

/* The round is over and it is at none of them: the program may know more. */
static void find(struct call *c)
{
	char text[FRAME_TEXT + 1] = "";
	if (c->find == NULL || pmig_peer_link_now() < c->find_at)
		return;
	if (c->find(c->find_context, text, sizeof text) >= 0) {
		text[sizeof text - 1] = '\0';
		pmig_peer_address_list(&c->found, text);
	}
	c->find_at = pmig_peer_link_now() + FIND_PAUSE;
}

/* Which address is next? NULL: this round is over. */
static const char *next_address(struct pmig_peer *p, bool *ret_numeric)
{
	struct call *c = p->call;
	const bool lost = p->link.fd < 0;
	const struct address_list *lists[] = {&c->told, lost || c->away ? &c->given : NULL, lost ? &c->found : NULL};
	int all = 0, i = c->next++;
	for (int k = 0; k < 3; k++) {
		int count = lists[k] != NULL ? lists[k]->count : 0;
		*ret_numeric = k == 0;
		if (i - all < count)
			return lists[k]->text[i - all];
		all += count;
	}
	if (c->begun && all > 0 && c->refused >= all && c->rounds >= 2)
		pmig_peer_talk_fail(p, PMIG_EGONE, "%s does not know this conversation any more", c->where);
	if (lost && p->error == 0)
		find(c);
	int pause = PAUSE;
	for (i = 0; i < c->rounds && pause < PAUSE_MOST; i++)
		pause *= 2;
	c->next_at = pmig_peer_link_now() + (pause < PAUSE_MOST ? pause : PAUSE_MOST);
	c->next = c->refused = 0;
	if (++c->rounds >= ROUNDS && p->link.fd >= 0)
		c->wants = c->away = false; /* what it has will do */
	return NULL;
}

static void begin_attempt(struct pmig_peer *p)
{
	struct call *c = p->call;
	bool numeric, connecting = false;
	const char *where = next_address(p, &numeric);
	if (where == NULL)
		return;
	snprintf(c->where, sizeof c->where, "%s", where);
	int fd = pmig_peer_address_connect(where, numeric, &connecting);
	if (fd < 0 || pmig_peer_link_init(&c->attempt, fd, connecting) < 0) {
		give_up_attempt(c, PMIG_EUNREACHED, "nobody is there");
		return;
	}
	c->deadline = pmig_peer_link_now() + ATTEMPT;
	c->called = false;
}

static void say_call(struct pmig_peer *p)
{
	struct call *c = p->call;
	struct frame_call call = {.window = p->in.room, .seen = p->seen};
	uint8_t body[FRAME_BODY_MOST];
	if (getrandom(c->nonce, sizeof c->nonce, 0) != sizeof c->nonce)
		abort(); /* no kernel does that for so few bytes */
	memcpy(call.id, p->id, FRAME_ID);
	memcpy(call.nonce, c->nonce, FRAME_ID);
	size_t size = pmig_peer_frame_call_put(body, &call);
	pmig_peer_link_put(&c->attempt, &(struct frame){FRAME_CALL, p->epoch, body, size});
	c->called = true;
	c->strict = p->link.fd < 0;
}

static uint64_t prove(const struct pmig_peer *p, const struct frame_answer *a, enum proof_who who, uint64_t epoch,
	uint64_t received)
{
	struct proof proof = {.who = who, .epoch = epoch, .received = received};
	memcpy(proof.nonces[0], p->call->nonce, FRAME_ID);
	memcpy(proof.nonces[1], a->nonce, FRAME_ID);
	return pmig_peer_proof(p->key, &proof);
}

/* Of a copy that was left behind nothing is heard; it hears why. */
static void say_stale(struct pmig_peer *p, const struct frame_answer *a)
{
	uint8_t body[8];
	size_t size = pmig_peer_frame_number_put(body, prove(p, a, PROOF_STALE, p->seen, p->token));
	pmig_peer_link_put(&p->call->attempt, &(struct frame){FRAME_STALE, p->seen, body, size});
	(void)pmig_peer_link_flush(&p->call->attempt);
	give_up_attempt(p->call, PMIG_ESTALE, "a copy that was left behind answers");
}

static void say_confirm(struct pmig_peer *p, const struct frame_answer *a)
{
	struct frame_confirm confirm = {prove(p, a, PROOF_CALLER, p->epoch, p->in.received), p->in.received};
	uint8_t body[FRAME_BODY_MOST];
	size_t size = pmig_peer_frame_confirm_put(body, &confirm);
	pmig_peer_link_put(&p->call->attempt, &(struct frame){FRAME_CONFIRM, p->epoch, body, size});
}

/* The other side knows the conversation, or begins one. */
static void hear_answer(struct pmig_peer *p, const struct frame *f)
{
	struct call *c = p->call;
	struct frame_answer a;
	if (pmig_peer_frame_answer_get(f, &a) < 0 || a.window == 0) {
		give_up_attempt(c, PMIG_EPROTOCOL, "something else listens there");
		return;
	}
	if (!c->begun) {
		memcpy(p->id, a.id, FRAME_ID);
		memcpy(p->key, a.key, FRAME_ID);
		p->out.window = a.window < p->out.room ? a.window : p->out.room;
	} else if (memcmp(p->id, a.id, FRAME_ID) != 0 || a.proof != prove(p, &a, PROOF_SERVER, f->number, a.received)) {
		give_up_attempt(c, PMIG_EPROTOCOL, "somebody else answers");
		return;
	} else if (f->number < p->seen) {
		say_stale(p, &a);
		return;
	} else {
		p->token = pmig_peer_frame_number_get(&(struct frame){.body = a.key});
		say_confirm(p, &a);
	}
	p->seen = f->number;
	if (a.addresses[0] != '\0')
		pmig_peer_address_list(&c->told, a.addresses);
	c->begun = true;
	c->wants = c->away = false;
	c->asked = 0;
	look_anew(c);
	(void)pmig_peer_talk_adopt(p, &c->attempt, a.received, c->strict);
}

static void hear_refusal(struct pmig_peer *p, const struct frame *f)
{
	struct call *c = p->call;
	char words[FRAME_TEXT + 1];
	int error = f->number == -PMIG_EREFUSED || f->number == -PMIG_ESTALE || f->number == -PMIG_EGONE ? -(int)f->number
													 : PMIG_EPROTOCOL;
	if (pmig_peer_frame_text_get(f->body, f->size, words) < 0 || error == PMIG_EPROTOCOL) {
		give_up_attempt(c, PMIG_EPROTOCOL, "something else listens there");
		return;
	}
	c->refused += error == PMIG_EGONE;
	give_up_attempt(c, error, words);
	if (!c->begun)
		pmig_peer_talk_fail(p, error, "%s: %s", c->where, words);
}

static void work_on_attempt(struct pmig_peer *p)
{
	struct call *c = p->call;
	struct frame f;
	int connected = pmig_peer_link_connected(&c->attempt);
	if (connected > 0 && !c->called)
		say_call(p);
	bool ended = connected < 0 ||
		(connected > 0 && (pmig_peer_link_flush(&c->attempt) < 0 || pmig_peer_link_read(&c->attempt) < 0));
	int n = connected > 0 ? pmig_peer_link_next(&c->attempt, &f) : 0;
	if (n > 0 && f.type == FRAME_ANSWER)
		hear_answer(p, &f);
	else if (n > 0 && f.type == FRAME_REFUSE)
		hear_refusal(p, &f);
	else if (n != 0)
		give_up_attempt(c, PMIG_EPROTOCOL, "something else listens there");
	else if (ended)
		give_up_attempt(c, PMIG_EUNREACHED, "nobody is there");
	else if (pmig_peer_link_now() > c->deadline)
		give_up_attempt(c, PMIG_EUNREACHED, "no answer");
}

/* A connection on which nothing comes is asked whether it still leads somewhere. */
static void ask(struct pmig_peer *p)
{
	struct call *c = p->call;
	int64_t now = pmig_peer_link_now();
	if (p->link.fd < 0 || p->link.heard >= c->asked)
		c->asked = 0;
	if (p->link.fd >= 0 && c->asked == 0 && now - p->link.heard > TALK_QUESTION) {
		c->asked = now;
		pmig_peer_talk_put(p, FRAME_PING);
	}
	if (p->link.fd >= 0 && c->asked != 0 && now - c->asked > TALK_SILENCE)
		pmig_peer_talk_lost(p);
}

/* Has this program moved? Then its connection comes from where it was. */
static void look_where_we_are(struct pmig_peer *p)
{
	struct call *c = p->call;
	uint64_t epoch = pmig_epoch();
	if (epoch == p->epoch)
		return;
	p->epoch = epoch;
	c->wants = c->away = true;
	give_up_attempt(c, 0, "");
	look_anew(c);
}

/* Goes on over the connection that there is, if there is one. */
static void talk(struct pmig_peer *p)
{
	char moved[FRAME_TEXT + 1];
	bool had = p->link.fd >= 0;
	(void)pmig_peer_talk_work(p, moved);
	if (moved[0] != '\0' && pmig_peer_address_list(&p->call->told, moved) > 0) {
		p->call->wants = true;
		look_anew(p->call);
	}
	ask(p);
	if (had && p->link.fd < 0)
		look_anew(p->call);
}

int pmig_peer_call_work(struct pmig_peer *p)
{
	struct call *c = p->call;
	if (p->error < 0)
		return p->error;
	look_where_we_are(p);
	talk(p);
	if (p->error == 0 && c->attempt.fd >= 0)
		work_on_attempt(p);
	while (p->error == 0 && c->attempt.fd < 0 && (p->link.fd < 0 || c->wants) && !p->bye &&
		pmig_peer_link_now() >= c->next_at) {
		begin_attempt(p);
		if (c->attempt.fd >= 0)
			work_on_attempt(p);
	}
	if (p->error == 0 && p->link.fd < 0 && !p->bye && p->patience >= 0 && pmig_peer_link_now() - p->lost > p->patience)
		return pmig_peer_talk_fail(p, PMIG_EUNREACHED, "%s: %s", c->where, c->words);
	talk(p); /* what came with the answer */
	return p->error;
}

/* When something is to be done at the latest. */
static int64_t due(const struct pmig_peer *p)
{
	const struct call *c = p->call;
	int64_t first = INT64_MAX, when[4] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
	if (c->attempt.fd >= 0)
		when[0] = c->deadline + 1;
	else if (p->link.fd < 0 || c->wants)
		when[1] = c->next_at;
	when[3] = pmig_peer_talk_due(p);
	if (p->link.fd >= 0)
		when[2] = c->asked != 0 ? c->asked + TALK_SILENCE + 1 : p->link.heard + TALK_QUESTION + 1;
	else if (p->patience >= 0)
		when[3] = p->lost + p->patience + 1;
	for (int i = 0; i < 4; i++)
		first = when[i] < first ? when[i] : first;
	return first;
}

int pmig_peer_call_wait(struct pmig_peer *p, int timeout)
{
	struct pollfd fds[2] = {pmig_peer_link_poll(&p->link), pmig_peer_link_poll(&p->call->attempt)};
	int64_t first = due(p), left = first == INT64_MAX ? -1 : first - pmig_peer_link_now();
	bool ours = timeout >= 0 && (left < 0 || timeout < left) && first > pmig_peer_link_now();
	if (left < 0 && first != INT64_MAX)
		left = 0;
	int n = poll(fds, 2, ours ? timeout : (int)(left > INT_MAX ? INT_MAX : left));
	return n > 0 || (n == 0 && !ours);
}

int pmig_peer_connect(struct pmig_peer **ret_peer, const struct pmig_peer_options *options)
{
	struct talk_numbers numbers;
	if (pmig_peer_talk_options(options, &numbers) < 0)
		return pmig_peer_talk_reason(PMIG_EINVAL, "no address, or numbers that make no sense");
	struct pmig_peer *p = pmig_peer_talk_create(&numbers);
	struct call *c = p != NULL ? calloc(1, sizeof *c) : NULL;
	if (c == NULL) {
		pmig_peer_talk_destroy(p);
		return pmig_peer_talk_reason(PMIG_ENOMEM, "no memory");
	}
	p->call = c;
	c->attempt.fd = -1;
	c->find = options->find;
	c->find_context = options->context;
	if (pmig_peer_address_list(&c->given, options->address) == 0)
		pmig_peer_talk_fail(p, PMIG_EINVAL, "%.200s: not HOST:PORT", options->address);
	while (p->error == 0 && pmig_peer_call_work(p) == 0 && !c->begun)
		(void)pmig_peer_call_wait(p, -1);
	if (p->error == 0) {
		*ret_peer = p;
		return 0;
	}
	int error = pmig_peer_talk_reason(p->error, "%s", p->reason);
	pmig_peer_call_destroy(c);
	pmig_peer_talk_destroy(p);
	return error;
}
