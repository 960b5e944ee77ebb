/* test_bulk_link: a file over real links; sshd is killed in the middle, and a new link brings the rest. The receiver is this
 * program, started there with "receive DIRECTORY". */
#include "sshd_case.h"
#include "transport/bulk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <sys/mman.h>

#define SIZE (48u << 20)
#define CUT_AT (12u << 20)

static struct sshd_case sshd;
static char place[96], self[1024];

/* One end of a conversation on non-blocking descriptors. */
struct end {
	int in, out;
	struct packet_reader *r;
	struct packet_writer *w;
};

static int end_init(struct end *e, int in, int out)
{
	*e = (struct end){.in = in, .out = out};
	(void)fcntl(in, F_SETFL, O_NONBLOCK | O_RDWR);
	(void)fcntl(out, F_SETFL, O_NONBLOCK | O_RDWR);
	int rc = packet_reader_create(&e->r);
	return rc < 0 ? rc : packet_writer_create(PACKET_PACK, &e->w);
}

static void end_finish(struct end *e)
{
	packet_reader_destroy(e->r);
	packet_writer_destroy(e->w);
}

/* Flushes, and waits until something can be read or, while something is pending, written. */
static int end_turn(struct end *e)
{
	int rc = packet_writer_flush(e->w, e->out);
	struct pollfd p[] = {{.fd = e->in, .events = POLLIN}, {.fd = rc == 0 ? e->out : -1, .events = POLLOUT}};
	if (rc >= 0 && poll(p, 2, 20000) <= 0)
		rc = error_set(PMIG_ETIMEOUT, "nothing moves");
	if (rc >= 0 && p[0].revents != 0)
		rc = packet_reader_fill(e->r, e->in);
	return rc;
}

static int receive(const char *path)
{
	struct end e;
	struct packet p;
	struct bulk_offer offer;
	struct bulk_receive *r = NULL;
	struct bulk_receive_options o = {.directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .name = "arrived"};
	int rc = end_init(&e, 0, 1), done = 0;
	o.writer = e.w;
	while (rc >= 0 && done == 0) {
		while (done == 0 && (rc = packet_reader_next(e.r, &p)) > 0) {
			if (p.type == PACKET_OFFER && (done = bulk_offer_get(&p, &offer)) >= 0)
				done = bulk_receive_create(&o, &offer, &r);
			else if (p.type != PACKET_OFFER)
				done = bulk_receive_packet(r, &p);
		}
		if (rc >= 0 && done == 0)
			rc = end_turn(&e);
	}
	while (rc >= 0 && packet_writer_pending(e.w) > 0)
		rc = end_turn(&e);
	bulk_receive_destroy(r);
	end_finish(&e);
	if (rc < 0 || done < 0)
		dprintf(2, "%s\n", pmig_reason());
	return rc < 0 || done < 0;
}

/* Sends until done, or until CUT_AT is acknowledged if `cut`; then the connections are killed. */
static int send_over(enum link_method method, struct bulk_send *s, bool cut)
{
	struct link_options o = sshd_case_options(&sshd, method);
	struct link *l;
	struct link_process process;
	struct end e;
	struct packet p;
	char command[1200];
	(void)snprintf(command, sizeof command, "'%s' receive '%s'", self, place);
	if (link_open(&o, &l) < 0 || link_exec(l, command, &process) < 0)
		fail_msg("%s", pmig_reason());
	assert_int_equal(end_init(&e, process.fd, process.fd), 0);
	assert_int_equal(bulk_send_attach(s, e.w, 1), 0);
	int rc = 0, done = 0;
	while (rc >= 0 && done == 0) {
		while (done == 0 && (rc = packet_reader_next(e.r, &p)) > 0)
			done = bulk_send_packet(s, &p);
		if (cut && bulk_send_acknowledged(s) >= CUT_AT) {
			sshd_case_cut(&sshd);
			cut = false;
		}
		if (rc >= 0 && done == 0 && (rc = bulk_send_pump(s)) >= 0)
			rc = end_turn(&e);
	}
	assert_int_equal(bulk_send_attach(s, NULL, 0), 0);
	end_finish(&e);
	close(process.fd);
	close(process.error_fd);
	link_close(l);
	return rc < 0 ? rc : done;
}

static void assert_arrived(int fd)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/arrived", place);
	int other = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(other >= 0);
	assert_int_equal(lseek(other, 0, SEEK_END), SIZE);
	void *x = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0), *y = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, other, 0);
	assert_memory_equal(x, y, SIZE);
	munmap(x, SIZE);
	munmap(y, SIZE);
	close(other);
	assert_int_equal(unlink(path), 0);
}

static void interrupted(enum link_method method)
{
	int fd = memfd_create("content", MFD_CLOEXEC);
	uint64_t buffer[8192], v = 1;
	for (unsigned at = 0; at < SIZE; at += sizeof buffer) {
		for (size_t i = 0; i < 8192; i++)
			buffer[i] = v = v * 6364136223846793005u + 1442695040888963407u;
		assert_int_equal(write(fd, buffer, sizeof buffer), sizeof buffer);
	}
	struct bulk_send *s;
	struct bulk_send_options o = {.fd = fd, .name = "thing", .kind = "image"};
	assert_int_equal(bulk_send_create(&o, &s), 0);
	int rc = send_over(method, s, true);
	assert_true(rc == PMIG_EGONE || rc == PMIG_ECORRUPT); /* between two packets or in one */
	/* The killed sshd's receiver may still write out what it got; it holds the partial file until it sees the end. */
	while ((rc = send_over(method, s, false)) == PMIG_EBUSY)
		continue;
	if (rc != 1)
		fail_msg("%d: %s", rc, pmig_reason());
	assert_true(bulk_send_queued(s) <= SIZE + BULK_WINDOW + (4u << 20)); /* only what was under way is sent twice */
	assert_arrived(fd);
	bulk_send_destroy(s);
	close(fd);
}

static void test_libssh2(void **state)
{
	(void)state;
	interrupted(LINK_SSH2);
}

static void test_ssh(void **state)
{
	(void)state;
	interrupted(LINK_COMMAND);
}

static int set_up(void **state)
{
	(void)state;
	sshd_case_start(&sshd, "");
	(void)snprintf(place, sizeof place, "%s/place", sshd.directory);
	return readlink("/proc/self/exe", self, sizeof self - 1) > 0 ? mkdir(place, 0700) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	sshd_case_finish(&sshd);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libssh2),
		cmocka_unit_test(test_ssh),
	};
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "receive") == 0)
		return receive(argv[2]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
