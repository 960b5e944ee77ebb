/* server: who listens, its conversations, and those who want to go on with one; server.h tells. */
#include "peer/server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PENDING = 64,         /* connections whose peer is not known yet, at once; the oldest has to go */
	PENDING_TIME = 10000, /* milliseconds for it to say who it is */
	CONVERSATIONS = 1000,
	FURTHER = FRAME_TEXT / 2, /* bytes of addresses besides its own */
	FULL_PAUSE = 100          /* milliseconds, when there are no more descriptors */
};

/* A connection of somebody who has not proved anything yet. */
struct pending {
	struct link link;
	struct pmig_peer *peer; /* that it says it is; NULL: it has said nothing */
	bool detour;            /* it came to where this program was */
	bool ready;
	uint8_t nonces[2][FRAME_ID];
	int64_t since;
};

struct pmig_peer_server {
	int listener; /* the address that everybody knows */
	int direct;   /* of a program that has moved, for participants; -1: none */
	bool listener_ready, direct_ready;
	bool declare_direct;
	struct pending pending[PENDING];
	struct pmig_peer **peers;
	int count, room, most;
	int turn; /* whose news are looked at next */
	struct talk_numbers numbers;
	bool participants_only;
	volatile int
		inside; /* with safe points everywhere, a hook may come in the middle of anything: then it leaves it alone */
	bool stale;     /* somebody has seen a later copy of this program */
	uint64_t epoch;
	uint8_t secret[FRAME_ID]; /* goes along, and nobody else has it */
	char addresses[FRAME_TEXT + 1];
	char further[FURTHER];
	int64_t full; /* no descriptors until then: whoever waits to be accepted goes on waiting */
	struct pollfd *fds;
	int fds_room;
};

static void fill_random(uint8_t bytes[FRAME_ID])
{
	if (getrandom(bytes, FRAME_ID, 0) != FRAME_ID)
		abort(); /* no kernel does that for so few bytes */
}

uint64_t pmig_peer_server_token(const struct pmig_peer_server *s, uint64_t epoch)
{
	uint8_t bytes[sizeof epoch];
	pmig_peer_frame_number_put(bytes, epoch);
	return pmig_peer_proof_hash(s->secret, bytes, sizeof bytes);
}

/* --- where it is --- */

/* Where participants find it: at all addresses of this host, if it listens at all of them. */
static void note_addresses(struct pmig_peer_server *s)
{
	bool any;
	int port = pmig_peer_address_port(s->direct >= 0 ? s->direct : s->listener, &any);
	s->addresses[0] = '\0';
	if (port != 0 && any)
		pmig_peer_address_own(port, s->addresses);
	size_t used = strlen(s->addresses), size = strlen(s->further);
	if (size > 0 && used + 1 + size <= FRAME_TEXT)
		sprintf(s->addresses + used, "%s%s", used > 0 ? "," : "", s->further);
}

/* The listener that everybody knows stays where it was; here a second one, at the same port if it can be had. */
static void open_direct(struct pmig_peer_server *s)
{
	bool any;
	int port = pmig_peer_address_port(s->listener, &any);
	char address[40];
	if (s->participants_only || s->direct >= 0 || port == 0 || !any)
		return;
	for (int i = 0; i < 2 && s->direct < 0; i++) {
		snprintf(address, sizeof address, "0.0.0.0:%d", i == 0 ? port : 0);
		s->direct = pmig_peer_address_listen(address);
	}
	s->declare_direct = s->direct >= 0;
}

/* It goes on in another process: whoever takes part is told before anything else happens. */
static void moved(struct pmig_peer_server *s)
{
	s->epoch = pmig_epoch();
	open_direct(s);
	note_addresses(s);
	for (int i = 0; i < s->count; i++) {
		s->peers[i]->epoch = s->epoch;
		s->peers[i]->move = s->addresses;
		pmig_peer_talk_say(s->peers[i]);
	}
}

static int after(void *context, const struct pmig_news *news)
{
	struct pmig_peer_server *s = context;
	if (news->outcome == PMIG_RESTORED && s->epoch != pmig_epoch() && s->inside == 0)
		moved(s);
	return 0;
}

/* What the sockets mean, in a program that moves. Elsewhere nobody asks. Who waits to be let in when it does comes again. */
static void declare(struct pmig_peer_server *s)
{
	static const struct pmig_hooks hooks = {.after = after};
	struct pmig_declaration d = {.binding = s->participants_only ? PMIG_BY_TYPE : PMIG_BY_IDENTIFIER,
		.attachment = PMIG_FIXED,
		.consent = s->participants_only ? PMIG_LOSS : 0,
		.hooks = &hooks,
		.context = s};
	(void)pmig_declare_fd(s->listener, &d);
}

static void declare_direct(struct pmig_peer_server *s)
{
	struct pmig_declaration d = {.binding = PMIG_BY_TYPE, .attachment = PMIG_FIXED, .consent = PMIG_LOSS};
	(void)pmig_declare_fd(s->direct, &d);
	s->declare_direct = false;
}

/* --- conversations --- */

static struct pmig_peer *find(const struct pmig_peer_server *s, const uint8_t id[FRAME_ID])
{
	for (int i = 0; i < s->count; i++)
		if (memcmp(s->peers[i]->id, id, FRAME_ID) == 0)
			return s->peers[i];
	return NULL;
}

static struct pmig_peer *add(struct pmig_peer_server *s)
{
	if (s->count == s->room) {
		int room = s->room > 0 ? 2 * s->room : 8;
		struct pmig_peer **more = realloc(s->peers, (size_t)room * sizeof(struct pmig_peer *));
		if (more == NULL)
			return NULL;
		s->peers = more;
		s->room = room;
	}
	struct pmig_peer *p = pmig_peer_talk_create(&s->numbers);
	if (p == NULL)
		return NULL;
	fill_random(p->id);
	fill_random(p->key);
	p->server = s;
	p->inside = &s->inside;
	p->fresh = true;
	p->epoch = s->epoch;
	return s->peers[s->count++] = p;
}

static void take_out(struct pmig_peer_server *s, int i)
{
	for (int k = 0; k < PENDING; k++)
		if (s->pending[k].peer == s->peers[i])
			pmig_peer_link_close(&s->pending[k].link);
	pmig_peer_talk_destroy(s->peers[i]);
	s->peers[i] = s->peers[--s->count];
}

int pmig_peer_server_work(struct pmig_peer *p)
{
	if (pmig_peer_talk_work(p, NULL) < 0)
		return p->error;
	if (p->link.fd < 0 && p->patience >= 0 && pmig_peer_link_now() - p->lost > p->patience)
		return pmig_peer_talk_fail(p, PMIG_EUNREACHED, "it has not come back");
	return 0;
}

/* Of a conversation that the program has closed: is it to be forgotten? If all was read both ways the other side may still have to hear so;
 * if it goes on writing what nobody will read, it has to hear that. */
static bool is_done(struct pmig_peer *p)
{
	bool unread = p->in.received > p->in.read && p->end_told && p->link.out_end == p->link.out_start;
	if (p->error < 0 || p->bye)
		return true;
	if (pmig_peer_talk_is_over(p) || !(p->out.end_acked || unread))
		return false;
	pmig_peer_talk_put(p, FRAME_BYE);
	return true;
}

static bool has_news(const struct pmig_peer *p)
{
	if (p->closed)
		return false;
	return p->fresh || p->in.received > p->in.read || (p->in.ended && !p->in.end_read) ||
		(p->error < 0 && !p->error_seen) || (p->wants_room && pmig_peer_flow_room(&p->out) > 0) ||
		(p->out.end_acked && !p->read_told);
}

/* --- those who come --- */

static void refuse(struct pending *w, int error, const char *words)
{
	pmig_peer_link_put(&w->link, &(struct frame){FRAME_REFUSE, (uint64_t)-error, (const uint8_t *)words, strlen(words)});
	(void)pmig_peer_link_flush(&w->link);
	pmig_peer_link_close(&w->link);
}

static uint64_t prove(const struct pending *w, enum proof_who who, uint64_t epoch, uint64_t received)
{
	struct proof proof = {.who = who, .epoch = epoch, .received = received};
	memcpy(proof.nonces, w->nonces, sizeof proof.nonces);
	return pmig_peer_proof(w->peer->key, &proof);
}

/* Its connection is that of the conversation from now on. Who came by way of another host is told the way. What else calls for it was
 * given up by the one who calls, and knows only what was true earlier. */
static void adopt(struct pmig_peer_server *s, struct pending *w, uint64_t received)
{
	for (int i = 0; i < PENDING; i++)
		if (&s->pending[i] != w && s->pending[i].peer == w->peer)
			pmig_peer_link_close(&s->pending[i].link);
	w->peer->ready = true; /* more may have come already */
	if (pmig_peer_talk_adopt(w->peer, &w->link, received, true) == 0 && w->detour && s->addresses[0] != '\0')
		w->peer->move = s->addresses;
}

/* Somebody calls: a new conversation begins at once, another one once it has been proved to be that. */
static void hear_call(struct pmig_peer_server *s, struct pending *w, const struct frame *f)
{
	static const uint8_t none[FRAME_ID];
	struct frame_call call;
	struct frame_answer a = {.window = s->numbers.window};
	uint8_t body[FRAME_BODY_MOST];
	pmig_peer_frame_call_get(f, &call);
	bool begins = memcmp(call.id, none, FRAME_ID) == 0;
	if (begins && (s->count >= s->most || call.window == 0)) {
		refuse(w, PMIG_EREFUSED, "there are as many conversations as it wants");
		return;
	}
	w->peer = begins ? add(s) : find(s, call.id);
	if (w->peer == NULL || w->peer->error < 0) {
		refuse(w, begins ? PMIG_EREFUSED : PMIG_EGONE, begins ? "no memory" : "there is no such conversation");
		return;
	}
	memcpy(w->nonces[0], call.nonce, FRAME_ID);
	fill_random(w->nonces[1]);
	memcpy(a.id, w->peer->id, FRAME_ID);
	memcpy(a.nonce, w->nonces[1], FRAME_ID);
	memcpy(a.addresses, s->addresses, sizeof a.addresses);
	a.received = w->peer->in.received;
	if (begins) {
		memcpy(a.key, w->peer->key, FRAME_ID);
	} else {
		pmig_peer_frame_number_put(a.key, pmig_peer_server_token(s, s->epoch));
		a.proof = prove(w, PROOF_SERVER, s->epoch, a.received);
	}
	size_t size = pmig_peer_frame_answer_put(body, &a);
	pmig_peer_link_put(&w->link, &(struct frame){FRAME_ANSWER, s->epoch, body, size});
	if (!begins)
		return;
	w->peer->seen = f->number;
	w->peer->out.window = call.window < s->numbers.window ? (size_t)call.window : s->numbers.window;
	adopt(s, w, 0);
}

/* It knows the key: its conversation goes on here. */
static void hear_confirm(struct pmig_peer_server *s, struct pending *w, const struct frame *f)
{
	struct frame_confirm confirm;
	pmig_peer_frame_confirm_get(f, &confirm);
	if (w->peer->error < 0) {
		refuse(w, PMIG_EGONE, "there is no such conversation");
	} else if (confirm.proof != prove(w, PROOF_CALLER, f->number, confirm.received)) {
		refuse(w, PMIG_EREFUSED, "that is somebody else's conversation");
	} else if (f->number < w->peer->seen) {
		refuse(w, PMIG_ESTALE, "a later copy of this program has called");
	} else {
		w->peer->seen = f->number;
		adopt(s, w, confirm.received);
	}
}

/* Somebody who knows the key has seen a later copy of this program, as the token shows that only such a copy gives: this one is to stop. */
static void hear_stale(struct pmig_peer_server *s, struct pending *w, const struct frame *f)
{
	uint64_t token = pmig_peer_server_token(s, f->number);
	if (f->number > s->epoch && pmig_peer_frame_number_get(f) == prove(w, PROOF_STALE, f->number, token))
		s->stale = true;
	pmig_peer_link_close(&w->link);
}

static void work_on_pending(struct pmig_peer_server *s, struct pending *w)
{
	struct frame f;
	bool ended = pmig_peer_link_read(&w->link) < 0;
	for (int n; w->link.fd >= 0 && (n = pmig_peer_link_next(&w->link, &f)) != 0;) {
		if (n > 0 && w->peer == NULL && f.type == FRAME_CALL)
			hear_call(s, w, &f);
		else if (n > 0 && w->peer != NULL && f.type == FRAME_CONFIRM)
			hear_confirm(s, w, &f);
		else if (n > 0 && w->peer != NULL && f.type == FRAME_STALE)
			hear_stale(s, w, &f);
		else
			refuse(w, n == PMIG_EVERSION ? n : PMIG_EPROTOCOL, "that does not belong there");
	}
	if (w->link.fd >= 0 &&
		(ended || pmig_peer_link_flush(&w->link) < 0 || pmig_peer_link_now() - w->since > PENDING_TIME))
		pmig_peer_link_close(&w->link);
}

static void accept_all(struct pmig_peer_server *s, int listener)
{
	int fd;
	while (listener >= 0 && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct pending *w = &s->pending[0];
		for (int i = 1; i < PENDING && w->link.fd >= 0; i++)
			if (s->pending[i].link.fd < 0 || s->pending[i].since < w->since)
				w = &s->pending[i];
		pmig_peer_link_close(&w->link);
		*w = (struct pending){.link = {.fd = -1}, .since = pmig_peer_link_now()};
		w->detour = listener == s->listener && s->direct >= 0 && !pmig_peer_address_is_own(fd, s->addresses);
		if (pmig_peer_link_init(&w->link, fd, false) < 0)
			close(fd);
	}
	if (listener >= 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
		s->full = pmig_peer_link_now() + FULL_PAUSE;
}

/* All that can be done without waiting, for those whose sockets have news. */
static void work(struct pmig_peer_server *s)
{
	int64_t now = pmig_peer_link_now();
	if (s->declare_direct)
		declare_direct(s);
	if (s->listener_ready)
		accept_all(s, s->listener);
	if (s->direct_ready)
		accept_all(s, s->direct);
	for (int i = 0; i < PENDING; i++) {
		struct pending *w = &s->pending[i];
		if (w->link.fd >= 0 && (w->ready || now - w->since > PENDING_TIME))
			work_on_pending(s, w);
		w->ready = false;
	}
	for (int i = s->count - 1; i >= 0; i--) {
		struct pmig_peer *p = s->peers[i];
		if (p->ready || p->link.fd < 0 || p->closed || now >= pmig_peer_talk_due(p))
			(void)pmig_peer_server_work(p);
		p->ready = false;
		if (p->closed && is_done(p))
			take_out(s, i);
	}
}

/* --- what programs call --- */

int pmig_peer_listen(struct pmig_peer_server **ret_server, const struct pmig_peer_options *options)
{
	struct talk_numbers numbers;
	if (pmig_peer_talk_options(options, &numbers) < 0 ||
		(options->further != NULL && strlen(options->further) >= FURTHER))
		return pmig_peer_talk_reason(PMIG_EINVAL, "no address, or numbers that make no sense");
	struct pmig_peer_server *s = calloc(1, sizeof *s);
	if (s == NULL)
		return pmig_peer_talk_reason(PMIG_ENOMEM, "no memory");
	s->listener = pmig_peer_address_listen(options->address);
	if (s->listener < 0) {
		int error = s->listener;
		free(s);
		return pmig_peer_talk_reason(error, "%s: %s", options->address,
			error == PMIG_EBUSY            ? "in use"
				: error == PMIG_EINVAL ? "no address of this host"
						       : "cannot be had");
	}
	s->direct = -1;
	s->numbers = numbers;
	if (options->further != NULL)
		strcpy(s->further, options->further);
	s->most = options->most != 0 ? options->most : CONVERSATIONS;
	s->participants_only = options->participants_only;
	s->epoch = pmig_epoch();
	fill_random(s->secret);
	for (int i = 0; i < PENDING; i++)
		s->pending[i].link.fd = -1;
	note_addresses(s);
	declare(s);
	*ret_server = s;
	return 0;
}

/* What an event loop waits for, as it is put together. */
struct waiting {
	struct pollfd *fds;
	int room, count;
	int64_t first; /* when something is to be done at the latest */
};

static void add_waiting(struct waiting *w, struct pollfd one, int64_t due)
{
	if (one.fd >= 0 && w->count++ < w->room)
		w->fds[w->count - 1] = one;
	w->first = due < w->first ? due : w->first;
}

int pmig_peer_server_fds(struct pmig_peer_server *s, struct pollfd *fds, int room, int *ret_timeout)
{
	struct waiting w = {.fds = fds, .room = room, .first = INT64_MAX};
	int64_t now = pmig_peer_link_now();
	bool full = s->full > now;
	const int listeners[] = {s->listener, s->direct};
	for (int i = 0; i < 2; i++)
		add_waiting(&w, (struct pollfd){listeners[i], full ? 0 : POLLIN, 0}, full ? s->full : INT64_MAX);
	for (int i = 0; i < PENDING; i++)
		if (s->pending[i].link.fd >= 0)
			add_waiting(&w, pmig_peer_link_poll(&s->pending[i].link), s->pending[i].since + PENDING_TIME + 1);
	for (int i = 0; i < s->count; i++) {
		const struct pmig_peer *p = s->peers[i];
		bool waits = p->link.fd < 0 && p->error == 0 && s->numbers.patience >= 0;
		add_waiting(&w, pmig_peer_link_poll(&p->link),
			waits ? p->lost + s->numbers.patience + 1 : pmig_peer_talk_due(p));
	}
	*ret_timeout = w.first == INT64_MAX ? -1
		: w.first <= now            ? 0
		: w.first - now > INT_MAX   ? INT_MAX
					    : (int)(w.first - now);
	return w.count;
}

/* The next one of which there is news, in turn; NULL: none. */
static struct pmig_peer *next_news(struct pmig_peer_server *s)
{
	for (int i = 0; i < s->count; i++) {
		s->turn = s->turn + 1 < s->count ? s->turn + 1 : 0;
		struct pmig_peer *p = s->peers[s->turn];
		if (has_news(p)) {
			p->fresh = p->wants_room = false;
			p->error_seen |= p->error < 0;
			p->read_told |= p->out.end_acked;
			return p;
		}
	}
	return NULL;
}

/* `at`: where its socket is in what poll() said; NULL: nobody knows, so it is looked at. */
static bool is_ready(const struct pollfd **at, int fd)
{
	return fd >= 0 && (*at == NULL || (*at)++->revents != 0);
}

/* What poll() said, in the order of pmig_peer_server_fds(); NULL: the sockets are others now. */
static void note_ready(struct pmig_peer_server *s, const struct pollfd *at)
{
	s->listener_ready = is_ready(&at, s->listener);
	s->direct_ready = is_ready(&at, s->direct);
	for (int i = 0; i < PENDING; i++)
		s->pending[i].ready = is_ready(&at, s->pending[i].link.fd);
	for (int i = 0; i < s->count; i++)
		s->peers[i]->ready = is_ready(&at, s->peers[i]->link.fd);
}

/* < 0: no memory; 0: the time is over, or a signal came. */
static int wait_for(struct pmig_peer_server *s, int64_t until)
{
	uint64_t epoch = s->epoch; /* it may be another one when poll() comes back, and the hook may have been here */
	int timeout, n = pmig_peer_server_fds(s, s->fds, s->fds_room, &timeout);
	if (s->fds == NULL || n > s->fds_room) {
		struct pollfd *more = realloc(s->fds, 2 * (size_t)(n > 0 ? n : 1) * sizeof *more);
		if (more == NULL)
			return PMIG_ENOMEM;
		s->fds = more;
		s->fds_room = 2 * n;
		n = pmig_peer_server_fds(s, s->fds, s->fds_room, &timeout);
	}
	int64_t left = until - pmig_peer_link_now();
	bool ours = until != INT64_MAX && (timeout < 0 || left < timeout);
	if (ours)
		timeout = left < 0 ? 0 : (int)left;
	s->inside--;
	int ready = poll(s->fds, (nfds_t)n, timeout);
	s->inside++;
	if (ready < 0 && errno != EINTR)
		return PMIG_EIO;
	if (s->epoch != pmig_epoch())
		moved(s);
	note_ready(s, s->epoch == epoch && ready >= 0 ? s->fds : NULL);
	if (ready < 0)
		return 0;
	return ready > 0 || !ours;
}

static int wait_for_news(struct pmig_peer_server *s, int timeout, struct pmig_peer **ret_peer)
{
	int64_t until = timeout < 0 ? INT64_MAX : pmig_peer_link_now() + timeout;
	for (bool first = true;; first = false) {
		int n = wait_for(s, first ? 0 : until); /* at first only what is there already */
		if (n < 0)
			return n;
		work(s);
		if (s->stale)
			return PMIG_ESTALE;
		struct pmig_peer *p = next_news(s);
		if (p != NULL) {
			*ret_peer = p;
			return 1;
		}
		if (n == 0 && !first)
			return 0;
	}
}

int pmig_peer_wait(struct pmig_peer_server *s, int timeout, struct pmig_peer **ret_peer)
{
	s->inside++;
	int n = wait_for_news(s, timeout, ret_peer);
	s->inside--;
	return n;
}

const char *pmig_peer_server_addresses(const struct pmig_peer_server *s)
{
	return s->addresses;
}

void pmig_peer_server_destroy(struct pmig_peer_server *s)
{
	if (s == NULL)
		return;
	while (s->count > 0)
		take_out(s, s->count - 1);
	for (int i = 0; i < PENDING; i++)
		pmig_peer_link_close(&s->pending[i].link);
	close(s->listener);
	if (s->direct >= 0)
		close(s->direct);
	free(s->peers);
	free(s->fds);
	free(s);
}
