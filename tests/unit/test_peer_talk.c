/* talk: what is said by hand, to either side: impostors, copies that were left behind, and those who know the key. */
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
	static const uint8_t none[FRAME_ID];
	assert_memory_equal(a.key, none, FRAME_ID);
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
	for (int i = 0; i < 2; i++) { /* without the key nobody believes it */
		struct frame_answer a = call_by_hand(&again, e.address, call, 0);
		uint64_t proof = prove(mine.key, &call, &a, (struct proof){.who = PROOF_STALE, .epoch = 9});
		say(&again, FRAME_STALE, 9, body, pmig_peer_frame_number_put(body, proof + (i == 0)));
		assert_int_equal(hear(&again).type, 0);
		close(again.fd);
		if (i == 0) {
			say(&h, FRAME_DATA, 0, "x", 1);
			assert_int_equal(hear(&h).type, FRAME_DATA);
		}
	}
	pthread_join(e.thread, NULL);
	assert_int_equal(e.result, PMIG_ESTALE);
	close(h.fd);
	pmig_peer_server_destroy(e.server);
	free(e.pending);
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
		cmocka_unit_test(follows_the_server_and_nobody_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
