/* A restore for an epoch that is over is refused, also when it names the image of another epoch to go on from, as a recovery does: what ran
 * here for that epoch does not run a second time. */
#include "registry_case.h"

#include "transport/agent_parts.h"

static void an_epoch_that_is_over(void **state)
{
	struct registry_case *c = *state;
	struct agent_options options = {.uuid = UUID_A, .state = c->directory, .store = c->store};
	struct agent agent = {.options = &options, .store = c->store, .name = "queens", .host = "beta", .epoch = 7};
	struct pmig_process_row row = case_process(UUID_A, "queens");
	json_t *answer = NULL;
	assert_int_equal(chdir(c->directory), 0);
	assert_int_equal(mkdir("image", 0700), 0);
	assert_int_equal(close(open("image/" UUID_A ".7", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	assert_good(c->store->process_put(c->store, &row));
	assert_good(c->store->owner_claim(c->store, UUID_A, 7, "beta"));
	for (int from = 6; from <= 7; from++) {
		json_t *request = json_pack("{s:i, s:i}", "epoch", 7, "image_epoch", from);
		assert_int_equal(agent_do_restore(&agent, request, &answer), PMIG_ESTALE);
		assert_non_null(strstr(pmig_reason(), "epoch 7 is over here"));
		json_decref(request);
	}
	assert_null(answer);
	assert_int_equal(chdir("/"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test(an_epoch_that_is_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
