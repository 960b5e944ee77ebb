/* store: journal and owners: what was answered is there after a crash, and of a claim and a bar exactly one wins. */
#include "registry_case.h"

#include "registry/database.h"
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

struct seen {
	int count;
	int64_t last_sequence, last_at;
	char text[256];
};

static int see_step(void *context, const struct pmig_step_row *row)
{
	static const char phases[] = "?bduf";
	struct seen *seen = context;
	assert_true(row->sequence == seen->last_sequence + 1 && row->at >= seen->last_at);
	seen->last_sequence = row->sequence;
	seen->last_at = row->at;
	seen->count++;
	(void)sprintf(seen->text + strlen(seen->text), "%s:%c%s ", row->step, phases[row->phase], row->detail);
	return 0;
}

static void steps_are_kept_in_order(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_A, 2), *found = NULL;
	assert_fails(s->handover_step(s, HANDOVER_1, "plan", PMIG_STEP_BEGIN, NULL), PMIG_ENOENT);
	assert_fails(s->handover_get(s, UUID_A, &found), PMIG_ENOENT);
	assert_good(s->handover_begin(s, &h));
	assert_good(s->handover_step(s, HANDOVER_1, "plan", PMIG_STEP_BEGIN, NULL));
	assert_good(s->handover_step(s, HANDOVER_1, "plan", PMIG_STEP_DONE, NULL));
	assert_good(s->handover_step(s, HANDOVER_1, "ship", PMIG_STEP_FAILED, "no space"));
	struct seen seen = {0};
	assert_good(s->step_list(s, HANDOVER_1, see_step, &seen));
	assert_string_equal(seen.text, "plan:b plan:d ship:fno space ");
	assert_good(s->handover_get(s, UUID_A, &found));
	assert_int_equal(found->state, PMIG_HANDOVER_OPEN);
	assert_true(found->began > 0 && found->ended == 0);
	free(found);
}

static void one_handover_at_a_time(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_A, 2), other = case_handover(HANDOVER_2, UUID_A, 3),
				 *found = NULL;
	assert_good(s->handover_begin(s, &h));
	assert_good(s->handover_begin(s, &h));
	h.target = "gamma";
	assert_fails(s->handover_begin(s, &h), PMIG_EEXIST);
	assert_fails(s->handover_begin(s, &other), PMIG_EBUSY);
	assert_reason_has("the process is being handed over already, from ");
	assert_reason_has("from alpha to beta");
	assert_good(s->handover_finish(s, HANDOVER_1, PMIG_HANDOVER_DOUBT, "no answer"));
	assert_fails(s->handover_begin(s, &other), PMIG_EBUSY);
	assert_reason_has("in doubt");
	assert_good(s->handover_finish(s, HANDOVER_1, PMIG_HANDOVER_UNDONE, "barred"));
	assert_good(s->handover_finish(s, HANDOVER_1, PMIG_HANDOVER_UNDONE, "barred"));
	assert_fails(s->handover_finish(s, HANDOVER_1, PMIG_HANDOVER_DONE, NULL), PMIG_EINVAL);
	assert_fails(s->handover_finish(s, HANDOVER_2, PMIG_HANDOVER_DONE, NULL), PMIG_ENOENT);
	assert_good(s->handover_begin(s, &other));
	assert_good(s->handover_get(s, UUID_A, &found));
	assert_string_equal(found->id, HANDOVER_2);
	free(found);
}

static void epochs_are_claimed_upwards_only(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_owner owner;
	assert_good(s->owner_get(s, UUID_A, &owner));
	assert_true(owner.epoch == 0 && owner.barred == 0 && *owner.host == '\0');
	assert_good(s->owner_claim(s, UUID_A, 2, "beta"));
	assert_good(s->owner_claim(s, UUID_A, 2, "beta"));
	assert_fails(s->owner_claim(s, UUID_A, 2, "gamma"), PMIG_ESTALE);
	assert_string_equal(pmig_reason(), "claim: epoch 2 belongs to beta already");
	assert_fails(s->owner_claim(s, UUID_A, 1, "alpha"), PMIG_ESTALE);
	assert_string_equal(pmig_reason(), "claim: epoch 1 is over: beta owns epoch 2");
	assert_good(s->owner_claim(s, UUID_A, 5, "gamma"));
	assert_good(s->owner_get(s, UUID_A, &owner));
	assert_true(owner.epoch == 5 && owner.barred == 0 && strcmp(owner.host, "gamma") == 0);
	assert_fails(s->owner_claim(s, UUID_A, 0, "gamma"), PMIG_EINVAL);
	assert_fails(s->owner_claim(s, UUID_A, 6, ""), PMIG_EINVAL);
	assert_fails(s->owner_claim(s, "x", 6, "beta"), PMIG_EINVAL);
}

static void a_barred_epoch_is_never_claimed(void **state)
{
	struct pmig_store *s = ((struct registry_case *)*state)->store;
	struct pmig_owner owner;
	assert_good(s->owner_bar(s, UUID_A, 3));
	assert_good(s->owner_bar(s, UUID_A, 3));
	assert_good(s->owner_bar(s, UUID_A, 2));
	for (uint64_t epoch = 1; epoch <= 3; epoch++)
		assert_fails(s->owner_claim(s, UUID_A, epoch, "beta"), PMIG_ESTALE);
	assert_string_equal(pmig_reason(), "claim: epoch 3 is barred here: the hand-over was given up");
	assert_good(s->owner_claim(s, UUID_A, 4, "beta"));
	assert_fails(s->owner_bar(s, UUID_A, 4), PMIG_EEXIST);
	assert_string_equal(pmig_reason(), "bar: epoch 4 was claimed here for beta");
	assert_good(s->owner_get(s, UUID_A, &owner));
	assert_true(owner.epoch == 4 && owner.barred == 3);
	/* What is over is barred without a word: the next hand-over is another epoch. */
	assert_good(s->owner_claim(s, UUID_A, 6, "alpha"));
	assert_good(s->owner_bar(s, UUID_A, 4));
	assert_fails(s->owner_claim(s, UUID_A, 6, "beta"), PMIG_ESTALE);
}

static int write_and_crash(struct registry_case *c)
{
	struct pmig_store *s;
	struct pmig_handover_row h = case_handover(HANDOVER_1, UUID_A, 2);
	struct pmig_process_row process = case_process(UUID_A, "queens");
	if (registry_store_open(c->path, &s) < 0 || s->process_put(s, &process) < 0 || s->handover_begin(s, &h) < 0 ||
		s->handover_step(s, HANDOVER_1, "commit", PMIG_STEP_BEGIN, "epoch 2") < 0 ||
		s->owner_claim(s, UUID_A, 2, "beta") < 0 || s->owner_bar(s, UUID_B, 7) < 0)
		return 1;
	/* Begun and never committed: must not be there afterwards. */
	struct pmig_resource_row r = case_resource(UUID_A, 1);
	return s->batch_begin(s) < 0 || s->resource_put(s, &r) < 0 ? 2 : 0;
}

static int none(void *context, const struct pmig_resource_row *row)
{
	(void)context, (void)row;
	fail_msg("a row of a batch that was not committed");
	return 0;
}

static void what_was_answered_is_there_after_a_crash(void **state)
{
	struct registry_case *c = *state;
	assert_int_equal(case_child(write_and_crash, c), 0);
	assert_good(registry_store_open(c->path, &c->store));
	struct pmig_store *s = c->store;
	struct pmig_owner owner;
	assert_good(s->owner_get(s, UUID_A, &owner));
	assert_true(owner.epoch == 2 && strcmp(owner.host, "beta") == 0);
	assert_good(s->owner_get(s, UUID_B, &owner));
	assert_int_equal(owner.barred, 7);
	struct seen seen = {0};
	assert_good(s->step_list(s, HANDOVER_1, see_step, &seen));
	assert_string_equal(seen.text, "commit:bepoch 2 ");
	assert_good(s->resource_list(s, UUID_A, none, NULL));
	struct pmig_process_row *process = NULL;
	assert_good(s->process_get(s, "queens", &process));
	free(process);
}

#define ROUNDS 40

/* What two contenders share: a gate that opens when both are there, and who won each round. */
struct race {
	atomic_int arrived;
	char won[2][ROUNDS];
};

/* Who only yields comes back too late for the race; who only spins keeps a lone processor from the other. */
static void meet(struct race *race, int round)
{
	atomic_fetch_add(&race->arrived, 1);
	for (int spins = 0; atomic_load(&race->arrived) < 2 * (round + 1); spins++)
		if (spins % 100000 == 99999)
			sched_yield();
}

/* Between reading and writing the other gets its chance: without a transaction around both it would take it. */
static int dawdle(unsigned event, void *context, void *statement, void *sql)
{
	(void)event, (void)context, (void)sql;
	for (int i = 0; i < 50 && strncmp(sqlite3_sql(statement), "INSERT", 6) == 0; i++)
		sched_yield();
	return 0;
}

static int make_slow(struct pmig_store *s)
{
	DATABASE_OWN sqlite3_stmt *statement = NULL;
	int r = database_prepare(registry_store_database(s), "SELECT 1", &statement);
	return r < 0 ? r : sqlite3_trace_v2(sqlite3_db_handle(statement), SQLITE_TRACE_STMT, dawdle, NULL);
}

/* One side of a race: every round on an epoch or process of its own, at the same moment as the other side. */
static int contend(const char *path, struct race *race, int side, int (*attempt)(struct pmig_store *s, int side, int round))
{
	struct pmig_store *s;
	if (registry_store_open(path, &s) < 0 || make_slow(s) != SQLITE_OK)
		return 1;
	for (int round = 0; round < ROUNDS; round++) {
		meet(race, round);
		int r = attempt(s, side, round);
		if (r < 0 && r != PMIG_EEXIST && r != PMIG_ESTALE)
			return 2;
		race->won[side][round] = r >= 0;
	}
	return 0;
}

/* Two processes contend; exactly one must win each round. */
static void assert_one_wins(struct registry_case *c, int (*attempt)(struct pmig_store *s, int side, int round))
{
	struct race *race = mmap(NULL, sizeof *race, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(race, MAP_FAILED);
	pid_t pid[2];
	for (int side = 0; side < 2; side++) {
		pid[side] = fork();
		assert_true(pid[side] >= 0);
		if (pid[side] == 0) {
			int r = contend(c->path, race, side, attempt);
			atomic_fetch_add(&race->arrived, r != 0 ? 2 * ROUNDS : 0); /* the other must not wait for ever */
			_exit(r);
		}
	}
	for (int side = 0; side < 2; side++) {
		int status;
		assert_int_equal(waitpid(pid[side], &status, 0), pid[side]);
		assert_int_equal(status, 0);
	}
	for (int round = 0; round < ROUNDS; round++)
		assert_int_equal(race->won[0][round] + race->won[1][round], 1);
	munmap(race, sizeof *race);
}

static const char *uuid_of(char text[PMIG_UUID_LENGTH + 1], int round)
{
	(void)snprintf(text, PMIG_UUID_LENGTH + 1, "aaaaaaaa-0000-4000-8000-%012d", round);
	return text;
}

static int claim_or_bar(struct pmig_store *s, int side, int round)
{
	char uuid[PMIG_UUID_LENGTH + 1];
	return side == 0 ? s->owner_claim(s, uuid_of(uuid, round), 2, "beta") : s->owner_bar(s, uuid_of(uuid, round), 2);
}

static void of_claim_and_bar_exactly_one_wins(void **state)
{
	assert_one_wins(*state, claim_or_bar);
}

static int claim(struct pmig_store *s, int side, int round)
{
	char uuid[PMIG_UUID_LENGTH + 1];
	return s->owner_claim(s, uuid_of(uuid, round), 2, side == 0 ? "beta" : "gamma");
}

static void of_two_claims_exactly_one_wins(void **state)
{
	assert_one_wins(*state, claim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test(steps_are_kept_in_order),
		case_test(one_handover_at_a_time),
		case_test(epochs_are_claimed_upwards_only),
		case_test(a_barred_epoch_is_never_claimed),
		case_test_closed(what_was_answered_is_there_after_a_crash),
		case_test_closed(of_claim_and_bar_exactly_one_wins),
		case_test_closed(of_two_claims_exactly_one_wins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
