/* talk: what is said by hand, to either side: impostors, copies that were left behind, and those who know the key. */
#include "peer/server.h"
#include "peer_case.h"

static void somebody_elses_conversation(void **unused)
{
	(void)unused;
	struct echo e;
	struct hand owner, thief;
	struct frame_call call = {.nonce = {1}};
	echo_begin(&e, (struct pmig_peer_options){.window = 0});
	struct frame_answer mine = call_by_hand(&owner, e.address, call, 0);
	assert_true(mine.window > 0);
	/* It is known by its id, and by nothing else that goes over the network again. */
	memcpy(call.id, mine.id, FRAME_ID);
	struct frame_answer a = call_by_hand(&thief, e.address, call, 0);
	assert_memory_not_equal(a.key, mine.key, FRAME_ID);
	assert_true(a.proof == prove(mine.key, &call, &a, (struct proof){.who = PROOF_SERVER}));
	struct frame f = confirm_by_hand(&thief, 0, (struct frame_confirm){a.proof, 0}); /* what it heard, said back */
	assert_int_equal(f.type, FRAME_REFUSE);
	assert_int_equal(f.number, -PMIG_EREFUSED);
	close(thief.fd);
	/* The owner has noticed nothing. */
	say(&owner, FRAME_DATA, 0, "abc", 3);
	f = hear(&owner);
	assert_int_equal(f.type, FRAME_DATA);
	assert_memory_equal(f.body, "abc", 3);
	/* Who knows the key goes on, and hears again what it says it has not. */
	a = call_by_hand(&thief, e.address, call, 5);
	assert_int_equal(a.received, 3);
	f = confirm_by_hand(&thief, 5,
		(struct frame_confirm){
			prove(mine.key, &call, &a, (struct proof){.who = PROOF_CALLER, .epoch = 5, .received = 1}), 1});
	assert_int_equal(f.type, FRAME_DATA);
	assert_int_equal(f.number, 1);
	assert_memory_equal(f.body, "bc", 2);
	assert_int_equal(hear(&owner).type, 0); /* the older connection has ended */
	close(owner.fd);
	/* A copy of the owner that was left behind does not. */
	a = call_by_hand(&owner, e.address, call, 4);
	f = confirm_by_hand(&owner, 4,
		(struct frame_confirm){
			prove(mine.key, &call, &a, (struct proof){.who = PROOF_CALLER, .epoch = 4, .received = 3}), 3});
	assert_int_equal(f.type, FRAME_REFUSE);
	assert_int_equal(f.number, -PMIG_ESTALE);
	close(owner.fd);
	close(thief.fd);
	echo_finish(&e, 0);
}

static void a_server_that_was_left_behind_stops(void **unused)
{
	(void)unused;
	struct echo e;
	struct hand h, again;
	struct frame_call call = {.nonce = {1}};
	uint8_t body[8];
	echo_begin(&e, (struct pmig_peer_options){.window = 0});
	struct frame_answer mine = call_by_hand(&h, e.address, call, 0);
	memcpy(call.id, mine.id, FRAME_ID);
	const uint64_t later = pmig_peer_server_token(e.server, 9);
	for (int i = 0; i < 4; i++) { /* without the key nobody believes it, nor without having heard a later copy */
		struct frame_answer a = call_by_hand(&again, e.address, call, 0);
		uint64_t now = pmig_peer_frame_number_get(&(struct frame){.body = a.key}), tokens[] = {later, 0, now, later};
		assert_true(now == pmig_peer_server_token(e.server, 0));
		uint64_t proof = prove(mine.key, &call, &a,
			(struct proof){.who = PROOF_STALE, .epoch = 9, .received = tokens[i]});
		say(&again, FRAME_STALE, 9, body, pmig_peer_frame_number_put(body, proof + (i == 0)));
		assert_int_equal(hear(&again).type, 0);
		close(again.fd);
		if (i < 3) {
			say(&h, FRAME_DATA, (uint64_t)i, "x", 1);
			assert_int_equal(hear(&h).type, FRAME_DATA);
		}
	}
	pthread_join(e.thread, NULL);
	assert_int_equal(e.result, PMIG_ESTALE);
	close(h.fd);
	pmig_peer_server_destroy(e.server);
	free(e.pending);
}

/* Who calls gave up a connection that was slow, and goes on over another: what the first one still says is of the past. */
static void a_late_confirmation(void **unused)
{
	(void)unused;
	struct echo e;
	struct hand owner, slow, quick;
	struct frame_call call = {.nonce = {1}};
	uint8_t body[FRAME_BODY_MOST];
	echo_begin(&e, (struct pmig_peer_options){.window = 0});
	struct frame_answer mine = call_by_hand(&owner, e.address, call, 0);
	memcpy(call.id, mine.id, FRAME_ID);
	struct frame_answer first = call_by_hand(&slow, e.address, call, 0), then = call_by_hand(&quick, e.address, call, 0);
	struct frame_confirm c = {prove(mine.key, &call, &then, (struct proof){.who = PROOF_CALLER}), 0};
	say(&quick, FRAME_CONFIRM, 0, body, pmig_peer_frame_confirm_put(body, &c));
	say(&quick, FRAME_DATA, 0, "abc", 3);
	assert_int_equal(hear(&quick).type, FRAME_DATA);
	say(&quick, FRAME_ACK, 3, NULL, 0);
	say(&quick, FRAME_DATA, 3, "d", 1);
	assert_int_equal(hear(&quick).type, FRAME_DATA);
	c.proof = prove(mine.key, &call, &first, (struct proof){.who = PROOF_CALLER});
	say(&slow, FRAME_CONFIRM, 0, body, pmig_peer_frame_confirm_put(body, &c));
	assert_int_equal(hear(&slow).type, 0);
	say(&quick, FRAME_DATA, 4, "e", 1);
	assert_int_equal(hear(&quick).type, FRAME_DATA);
	close(owner.fd), close(slow.fd), close(quick.fd);
	echo_finish(&e, 0);
}

struct keeper {
	struct pmig_peer_server *server;
	atomic_bool stop;
	atomic_int failed;
};

/* A program that does not close what has failed. */
static void *keep_all(void *argument)
{
	struct keeper *k = argument;
	struct pmig_peer *p;
	char byte;
	while (!k->stop)
		if (pmig_peer_wait(k->server, 20, &p) > 0)
			k->failed += pmig_peer_read(p, &byte, 1) == PMIG_EPROTOCOL;
	return NULL;
}

static void a_conversation_that_has_failed(void **unused)
{
	(void)unused;
	struct keeper k = {.failed = 0};
	struct frame_call call = {.nonce = {1}};
	struct hand h;
	pthread_t thread;
	char address[40];
	close(listen_somewhere(address, sizeof address));
	assert_int_equal(pmig_peer_listen(&k.server, &(struct pmig_peer_options){.address = address}), 0);
	assert_int_equal(pthread_create(&thread, NULL, keep_all, &k), 0);
	struct frame_answer mine = call_by_hand(&h, address, call, 0);
	assert_true(mine.window > 0);
	say(&h, FRAME_END, 5, NULL, 0);
	assert_int_equal(hear(&h).type, 0);
	close(h.fd);
	while (k.failed == 0)
		poll(NULL, 0, 1);
	memcpy(call.id, mine.id, FRAME_ID);
	assert_int_equal(call_by_hand(&h, address, call, 0).window, 0); /* refused: it would never hear anything */
	close(h.fd);
	k.stop = true;
	pthread_join(thread, NULL);
	pmig_peer_server_destroy(k.server);
}

static const uint8_t an_id[FRAME_ID] = {7}, a_key[FRAME_ID] = {8};

static struct frame_call hear_call(struct hand *h)
{
	struct frame_call call;
	struct frame f = hear(h);
	assert_int_equal(f.type, FRAME_CALL);
	pmig_peer_frame_call_get(&f, &call);
	return call;
}

/* Answers as whoever knows `key`; with proof for a conversation that exists. */
static void answer(struct hand *h, const struct frame_call *call, uint64_t epoch, const uint8_t *key, const char *addresses)
{
	uint8_t body[FRAME_BODY_MOST];
	struct frame_answer a = {.nonce = {9}, .window = 1000};
	memcpy(a.id, an_id, FRAME_ID);
	if (call->id[0] == 0)
		memcpy(a.key, key, FRAME_ID);
	else
		a.proof = prove(key, call, &a, (struct proof){.who = PROOF_SERVER, .epoch = epoch});
	snprintf(a.addresses, sizeof a.addresses, "%s", addresses);
	say(h, FRAME_ANSWER, epoch, body, pmig_peer_frame_answer_put(body, &a));
}

static void follows_the_server_and_nobody_else(void **unused)
{
	(void)unused;
	struct caller c = {.result = 1};
	struct hand first, impostor, stale, second;
	char there[40];
	int old = listen_somewhere(c.address, sizeof c.address), new = listen_somewhere(there, sizeof there);
	assert_int_equal(pthread_create(&c.thread, NULL, call, &c), 0);
	accept_from(&first, old);
	struct frame_call call = hear_call(&first);
	assert_int_equal(call.id[0], 0);
	answer(&first, &call, 1, a_key, "");
	say(&first, FRAME_DATA, 0, "a", 1);
	say(&first, FRAME_MOVED, 2, there, strlen(there));
	say(&first, FRAME_DATA, 1, "b", 1); /* the old connection serves until there is another */
	/* Somebody else listens at that address: it learns an id, and nothing that helps it. */
	accept_from(&impostor, new);
	call = hear_call(&impostor);
	assert_memory_equal(call.id, an_id, FRAME_ID);
	answer(&impostor, &call, 2, an_id, "");
	assert_int_equal(hear(&impostor).type, 0);
	close(impostor.fd);
	/* A copy that was left behind: it is told so, with proof. */
	accept_from(&stale, new);
	call = hear_call(&stale);
	assert_int_equal(call.seen, 2);
	answer(&stale, &call, 1, a_key, "");
	struct frame f = hear(&stale);
	assert_int_equal(f.type, FRAME_STALE);
	assert_int_equal(f.number, 2);
	struct frame_answer a = {.nonce = {9}};
	assert_true(pmig_peer_frame_number_get(&f) ==
		prove(a_key, &call, &a, (struct proof){.who = PROOF_STALE, .epoch = 2}));
	close(stale.fd);
	/* The server. What was under way over the old connection comes twice, and counts once. */
	accept_from(&second, new);
	call = hear_call(&second);
	answer(&second, &call, 2, a_key, "");
	f = hear(&second);
	assert_int_equal(f.type, FRAME_CONFIRM);
	struct frame_confirm confirm;
	pmig_peer_frame_confirm_get(&f, &confirm);
	assert_in_range(confirm.received, 1, 2);
	assert_true(confirm.proof ==
		prove(a_key, &call, &a, (struct proof){.who = PROOF_CALLER, .received = confirm.received}));
	while (hear(&first).type != 0)
		continue; /* until it is given up */
	say(&second, FRAME_DATA, 0, "abc", 3);
	say(&second, FRAME_DATA, 2, "cd", 2);
	while (hear(&second).type != FRAME_END)
		continue;
	say(&second, FRAME_ACK, 1, NULL, 0);
	pthread_join(c.thread, NULL);
	assert_int_equal(c.result, 0);
	assert_string_equal(c.read, "abcd");
	close(first.fd);
	close(second.fd);
	close(old);
	close(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(somebody_elses_conversation),
		cmocka_unit_test(a_server_that_was_left_behind_stops),
		cmocka_unit_test(a_late_confirmation),
		cmocka_unit_test(a_conversation_that_has_failed),
		cmocka_unit_test(follows_the_server_and_nobody_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
