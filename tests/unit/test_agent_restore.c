/* agent_restore, agent_image: requests of a hand-over that is over, or of another one, do nothing. */
#include "registry_case.h"
#include "transport/agent_parts.h"
#include "transport/packet.h"

#include <signal.h>
#include <sys/socket.h>

#define OURS HANDOVER_1
#define OTHERS HANDOVER_2

struct asked {
	struct agent agent;
	struct agent_options options;
	struct peer *home;
	int end; /* the program's, of the control channel */
	int code;
	bool answered;
};

static int on_home(void *context, const struct packet *p)
{
	struct asked *t = context;
	json_t *answer;
	if (p->stream != PACKET_STREAM_CONTROL || packet_get_json(p, &answer) < 0)
		return 0;
	t->code = (int)json_integer_value(json_object_get(answer, "code"));
	t->answered = true;
	json_decref(answer);
	loop_stop(t->agent.loop, 0);
	return 0;
}

static int on_offered(void *context, const struct packet *p)
{
	struct asked *t = context;
	if (p->type == PACKET_FAILED || p->type == PACKET_HAVE) {
		t->code = p->type == PACKET_FAILED ? PMIG_FAILED : 0;
		t->answered = true;
		loop_stop(t->agent.loop, 0);
		return 0;
	}
	return on_home(context, p);
}

static void on_lost(void *context, int code)
{
	(void)context, (void)code;
}

static void begin(struct asked *t, struct registry_case *c)
{
	int ends[2], control[2];
	*t = (struct asked){.options = {.state = c->directory, .uuid = UUID_A, .store = c->store}};
	struct pmig_process_row row = case_process(UUID_A, "queens");
	assert_int_equal(chdir(c->directory), 0);
	assert_int_equal(mkdir("image", 0700), 0);
	struct pmig_handover_row handover = case_handover(OURS, UUID_A, 7);
	assert_good(c->store->process_put(c->store, &row));
	assert_good(c->store->handover_begin(c->store, &handover));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
	t->end = control[1];
	t->agent = (struct agent){.options = &t->options,
		.store = c->store,
		.name = "queens",
		.host = "beta",
		.home = "alpha",
		.epoch = 7,
		.guard = -1,
		.listener = -1,
		.exit_status = -1,
		.control = control[0],
		.directory = open(".", O_DIRECTORY | O_RDONLY | O_CLOEXEC),
		.pid = fork()};
	if (t->agent.pid == 0) {
		(void)pause();
		_exit(0);
	}
	assert_int_equal(loop_create(&t->agent.loop), 0);
	struct peer_options o = {
		.loop = t->agent.loop, .pack = PACKET_PLAIN, .packet = on_offered, .closed = on_lost, .context = t};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	o.fd = ends[0];
	assert_int_equal(peer_create(&o, &t->agent.driver), 0);
	o.fd = ends[1];
	assert_int_equal(peer_create(&o, &t->home), 0);
	strcpy(t->agent.handover, OURS);
}

static void finish(struct asked *t)
{
	agent_file_drop(&t->agent);
	peer_destroy(t->agent.driver);
	peer_destroy(t->home);
	loop_destroy(t->agent.loop);
	close(t->agent.control), close(t->end), close(t->agent.directory);
	(void)kill(t->agent.pid, SIGKILL);
	(void)waitpid(t->agent.pid, NULL, 0);
	assert_int_equal(chdir("/"), 0);
}

static bool lives(const struct asked *t)
{
	siginfo_t info = {0};
	return waitid(P_PID, (id_t)t->agent.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

/* What it answers: 0, or the code of a refusal; AGENT_LATER: not yet. */
static int ask(struct asked *t, const char *verb, const char *handover, json_int_t epoch)
{
	json_t *request = json_pack("{s:s, s:i, s:s*, s:I, s:I}", "do", verb, "id", 1, "handover", handover, "epoch", epoch,
		"barred", epoch);
	t->answered = false;
	assert_int_equal(agent_request(&t->agent, request), 0);
	json_decref(request);
	if (t->agent.later != 0) {
		t->agent.later = 0;
		return AGENT_LATER;
	}
	assert_int_equal(loop_run(t->agent.loop), 0);
	assert_true(t->answered);
	return t->code;
}

static void test_restored(void **state)
{
	struct registry_case *c = *state;
	struct asked t;
	struct pmig_owner owner;
	begin(&t, c);
	t.agent.state = AGENT_RESTORED;
	assert_int_equal(ask(&t, "restore", OURS, 7), 0);
	assert_int_equal(ask(&t, "restore", OTHERS, 7), PMIG_EBUSY);
	assert_int_equal(ask(&t, "restore", NULL, 7), PMIG_EBUSY);
	assert_int_equal(ask(&t, "unrestore", OTHERS, 7), PMIG_ESTALE);
	assert_int_equal(t.agent.state, AGENT_RESTORED);
	assert_true(lives(&t));
	assert_int_equal(ask(&t, "claim", OTHERS, 7), PMIG_ESTALE);
	assert_int_equal(ask(&t, "claim", NULL, 7), PMIG_ESTALE);
	assert_good(c->store->owner_get(c->store, UUID_A, &owner));
	assert_int_equal(owner.epoch, 0);
	t.agent.promised = 5; /* it was here before, and left */
	strcpy(t.agent.handover, "");
	assert_int_equal(ask(&t, "claim", NULL, 7), 0);
	assert_int_equal(ask(&t, "claim", OTHERS, 7), 0); /* it stands already */
	assert_int_equal(t.agent.promised, 0);
	finish(&t);
}

static void test_unrestored(void **state)
{
	struct asked t;
	begin(&t, *state);
	t.agent.state = AGENT_RESTORED;
	assert_int_equal(ask(&t, "unrestore", OURS, 7), AGENT_LATER);
	assert_int_equal(t.agent.state, AGENT_UNDOING);
	finish(&t);
}

static void test_frozen(void **state)
{
	struct asked t;
	begin(&t, *state);
	t.agent.promised = 8;
	t.agent.state = AGENT_FROZEN;
	assert_int_equal(ask(&t, "go-on", OTHERS, 8), 0); /* it has nothing to take back */
	assert_int_equal(t.agent.state, AGENT_FROZEN);
	assert_int_equal(t.agent.promised, 8);
	t.agent.state = AGENT_FREEZING;
	assert_int_equal(ask(&t, "go-on", OTHERS, 8), 0);
	assert_int_equal(t.agent.state, AGENT_FREEZING);
	finish(&t);
}

static void test_released(void **state)
{
	struct asked t;
	begin(&t, *state);
	t.agent.promised = 8;
	t.agent.state = AGENT_RUNNING; /* it came back, and somebody is late */
	assert_int_equal(ask(&t, "release", OURS, 8), PMIG_EREFUSED);
	assert_int_equal(t.agent.state, AGENT_RUNNING);
	assert_true(lives(&t));
	t.agent.state = AGENT_RESTORED;
	assert_int_equal(ask(&t, "release", OURS, 8), PMIG_EREFUSED);
	t.agent.state = AGENT_FROZEN;
	assert_int_equal(ask(&t, "release", OURS, 8), AGENT_LATER);
	assert_int_equal(t.agent.state, AGENT_RELEASING);
	finish(&t);
}

static int offer(struct asked *t, uint64_t epoch, const char *kind)
{
	char name[BULK_NAME_MAX];
	struct bulk_send *send;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)snprintf(name, sizeof name, UUID_A ".%llu", (unsigned long long)epoch);
	struct bulk_send_options o = {
		.fd = fd, .name = name, .kind = kind, .writer = peer_writer(t->home), .stream = AGENT_BULK};
	assert_int_equal(bulk_send_create(&o, &send), 0);
	assert_true(bulk_send_pump(send) >= 0);
	peer_kick(t->home);
	t->answered = false;
	assert_int_equal(loop_run(t->agent.loop), 0);
	bulk_send_destroy(send);
	close(fd);
	return t->code;
}

static int on_agent(void *context, const struct packet *p)
{
	return agent_file_packet(&((struct asked *)context)->agent, p);
}

static void test_barred(void **state)
{
	struct asked t;
	begin(&t, *state);
	peer_destroy(t.agent.driver);
	peer_destroy(t.home);
	int ends[2];
	struct peer_options o = {
		.loop = t.agent.loop, .pack = PACKET_PLAIN, .packet = on_agent, .closed = on_lost, .context = &t};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	o.fd = ends[0];
	assert_int_equal(peer_create(&o, &t.agent.driver), 0);
	o.fd = ends[1];
	o.packet = on_offered;
	assert_int_equal(peer_create(&o, &t.home), 0);

	assert_int_equal(offer(&t, 8, "image"), 0);
	assert_non_null(t.agent.bulks);
	assert_int_equal(ask(&t, "bar", OURS, 8), 0);
	assert_null(t.agent.bulks); /* what was on its way does not arrive */
	assert_int_equal(offer(&t, 8, "image"), PMIG_FAILED);
	assert_int_equal(offer(&t, 7, "image"), PMIG_FAILED);
	assert_null(t.agent.bulks);
	assert_int_equal(offer(&t, 9, "image"), 0);
	finish(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_test(test_restored),
		case_test(test_unrestored),
		case_test(test_frozen),
		case_test(test_released),
		case_test(test_barred),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
