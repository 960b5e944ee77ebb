/* agent_file: a file that is offered once more, because home has lost the host that it came from, goes on where it was;
 * bytes of what was not offered harm nobody; more than the limits allow is not kept, though nobody said how much would come. */
#include "transport/agent_parts.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define UUID "0b45f2c4-6e5a-4e3b-9a53-2d7f0f6f1a11"
#define NAME UUID ".checkpoint"
#define SIZE (3u << 20)

struct way {
	struct agent agent;
	struct agent_options options;
	struct peer *home;
	struct bulk_send *send;
	struct loop_source *timer;
	int file, result;
	char place[32];
};

static int to_agent(void *context, const struct packet *p)
{
	struct way *w = context;
	return agent_file_packet(&w->agent, p);
}

static int to_home(void *context, const struct packet *p)
{
	struct way *w = context;
	if (w->send == NULL)
		return 0;
	w->result = bulk_send_packet(w->send, p);
	if (w->result == 0)
		w->result = bulk_send_pump(w->send) < 0 ? -1 : 0;
	peer_kick(w->home);
	if (w->result != 0 || bulk_send_acknowledged(w->send) > 0)
		loop_stop(w->agent.loop, 0);
	return 0;
}

static void on_room(void *context)
{
	struct way *w = context;
	if (w->send != NULL)
		assert_true(bulk_send_pump(w->send) >= 0);
	peer_kick(w->home);
}

static void on_lost(void *context, int code)
{
	(void)context;
	fail_msg("%d: %s", code, pmig_reason());
}

static void stop(void *context)
{
	loop_stop(((struct way *)context)->agent.loop, 0);
}

static void begin(struct way *w)
{
	int ends[2];
	struct peer_options o = {.pack = PACKET_PLAIN, .closed = on_lost, .context = w};
	*w = (struct way){.options = {.state = "/tmp", .uuid = UUID}, .place = "/tmp/pmig-file-XXXXXX"};
	assert_non_null(mkdtemp(w->place));
	assert_int_equal(chdir(w->place), 0);
	assert_int_equal(mkdir("image", 0700), 0);
	w->agent = (struct agent){
		.options = &w->options, .state = AGENT_EMPTY, .directory = open(".", O_DIRECTORY | O_CLOEXEC)};
	w->file = open("original", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char *bytes = calloc(1, SIZE);
	assert_true(w->agent.directory >= 0 && w->file >= 0 && bytes != NULL);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 7 + i / 1000);
	assert_int_equal(write(w->file, bytes, SIZE), SIZE);
	free(bytes);
	assert_int_equal(loop_create(&w->agent.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	o.loop = w->agent.loop;
	o.fd = ends[0];
	o.packet = to_agent;
	assert_int_equal(peer_create(&o, &w->agent.driver), 0);
	o.fd = ends[1];
	o.packet = to_home;
	o.room = on_room;
	assert_int_equal(peer_create(&o, &w->home), 0);
}

static void offer(struct way *w, bool growing)
{
	assert_int_equal(bulk_send_create(&(struct bulk_send_options){.fd = w->file,
						  .growing = growing,
						  .name = NAME,
						  .kind = "image",
						  .writer = peer_writer(w->home),
						  .stream = AGENT_BULK + 2},
				 &w->send),
		0);
	peer_kick(w->home);
}

static void finish(struct way *w)
{
	agent_file_drop(&w->agent);
	bulk_send_destroy(w->send);
	peer_destroy(w->agent.driver);
	peer_destroy(w->home);
	loop_destroy(w->agent.loop);
	close(w->agent.directory), close(w->file);
	(void)unlink("image/" NAME);
	assert_int_equal(unlink("original"), 0);
	assert_int_equal(rmdir("image"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(w->place), 0);
}

static void test_offered_once_more(void **state)
{
	(void)state;
	struct way w;
	struct stat st;
	begin(&w);
	offer(&w, true); /* its end does not come: the host where it is made is lost */
	assert_int_equal(loop_run(w.agent.loop), 0);
	assert_int_equal(w.result, 0);
	bulk_send_destroy(w.send);
	w.send = NULL;
	assert_true(loop_after(w.agent.loop, 100, stop, &w, &w.timer) >= 0); /* what it says of that one is heard */
	assert_int_equal(loop_run(w.agent.loop), 0);
	offer(&w, false);
	while (w.result == 0)
		assert_int_equal(loop_run(w.agent.loop), 0);
	if (w.result < 0)
		fail_msg("%s", pmig_reason());
	assert_int_equal(stat("image/" NAME, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_string_equal(w.agent.arrived, "image/" NAME);
	finish(&w);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* Announced is not offered. */
static void test_bytes_of_nothing(void **state)
{
	(void)state;
	struct way w;
	begin(&w);
	char cache[64];
	(void)snprintf(cache, sizeof cache, "%s.cache", w.place);
	assert_int_equal(setenv("HOME", cache, 1), 0);
	json_t *answer = NULL,
	       *request = json_pack("{s:s, s:s, s:i, s:i}", "hash", "0123456789abcdef0123456789abcdef", "name", "thing",
		       "stream", AGENT_BULK + 2, "size", 5);
	assert_int_equal(agent_do_receive(&w.agent, request, &answer), 0);
	assert_non_null(w.agent.bulks);
	assert_int_equal(agent_file_packet(&w.agent,
				 &(struct packet){
					 .type = PACKET_DATA, .stream = AGENT_BULK + 2, .data = "12345", .size = 5}),
		0);
	assert_null(w.agent.bulks);
	assert_non_null(strstr(pmig_reason(), "agent: bytes of nothing that was offered"));
	json_decref(answer);
	json_decref(request);
	finish(&w);
	assert_int_equal(nftw(cache, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* What has no size is counted as it comes: the original and a part of the copy are all that this host takes. */
static void test_no_room(void **state)
{
	(void)state;
	struct way w;
	begin(&w);
	assert_int_equal(mkdir("pmig", 0700), 0);
	int fd = open("pmig/limits", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && dprintf(fd, "disk = 5MB\n") > 0 && close(fd) == 0);
	assert_int_equal(setenv("XDG_CONFIG_HOME", w.place, 1), 0);
	assert_int_equal(setenv("HOME", "/nonexistent", 1), 0);
	(void)snprintf(w.agent.from, sizeof w.agent.from, "10.0.0.1");
	offer(&w, true);
	while (w.result == 0 && bulk_send_acknowledged(w.send) < SIZE)
		assert_int_equal(loop_run(w.agent.loop), 0);
	assert_int_equal(w.result, PMIG_EREFUSED);
	assert_non_null(strstr(pmig_reason(), "limits:1: more than what comes may take on disk: "));
	assert_true(bulk_send_acknowledged(w.send) > 1u << 20);
	assert_null(w.agent.bulks);
	assert_int_equal(access("image/" NAME ".part", F_OK), -1);
	assert_int_equal(unlink("pmig/limits"), 0);
	assert_int_equal(rmdir("pmig"), 0);
	(void)unsetenv("XDG_CONFIG_HOME");
	finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_of_nothing),
		cmocka_unit_test(test_offered_once_more),
		cmocka_unit_test(test_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
