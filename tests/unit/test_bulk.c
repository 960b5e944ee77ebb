/* test_bulk: files over a pair of writers and readers, resumed at every place, and every way it can go wrong. */
#include "transport/bulk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A conversation: two socket ends with a writer and a reader each. Single-threaded, so it can be cut anywhere. */
struct side {
	int fd;
	struct packet_writer *w;
	struct packet_reader *r;
};

struct pair {
	struct side a, b;
	uint64_t budget; /* bulk packets that may still pass from a to b before the session is lost */
};

static char root[] = "/tmp/pmig-bulk-XXXXXX";
static int directory;

static void connect_pair(struct pair *p, uint64_t budget)
{
	int s[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), 0);
	*p = (struct pair){.a.fd = s[0], .b.fd = s[1], .budget = budget};
	struct side *sides[] = {&p->a, &p->b};
	for (int i = 0; i < 2; i++) {
		assert_int_equal(packet_writer_create(PACKET_PACK, &sides[i]->w), 0);
		assert_int_equal(packet_reader_create(&sides[i]->r), 0);
	}
}

static void disconnect_pair(struct pair *p)
{
	struct side *sides[] = {&p->a, &p->b};
	for (int i = 0; i < 2; i++) {
		close(sides[i]->fd);
		packet_writer_destroy(sides[i]->w);
		packet_reader_destroy(sides[i]->r);
	}
}

/* 1: a packet for this side. */
static int next(struct side *s, struct packet *ret)
{
	int rc;
	while ((rc = packet_reader_next(s->r, ret)) == 0) {
		rc = packet_reader_fill(s->r, s->fd);
		if (rc <= 0)
			return rc;
	}
	return rc;
}

struct result {
	int sender, receiver; /* 1: done; 0: cut; < 0: failed */
	char hash[33];
	struct bulk_offer offer;
};

static int receive_packet(struct pair *p, struct bulk_receive **r, struct bulk_receive_options *o,
	const struct packet *packet, struct result *result)
{
	if (packet->type != PACKET_OFFER)
		return bulk_receive_packet(*r, packet);
	int rc = bulk_offer_get(packet, &result->offer);
	o->directory = directory;
	o->writer = p->b.w;
	o->stream = packet->stream;
	if (rc >= 0)
		rc = bulk_receive_create(o, &result->offer, r);
	if (rc < 0)
		assert_int_equal(bulk_refuse(p->b.w, packet->stream, rc), 0);
	return rc;
}

/* Runs both ends until one is done or fails, or the budget is used up. */
static void converse(struct pair *p, struct bulk_send *s, struct bulk_receive_options *o, struct result *result)
{
	struct bulk_receive *r = NULL;
	struct packet packet;
	bool idle = false;
	*result = (struct result){0};
	while (!idle && result->sender == 0) {
		assert_true(bulk_send_pump(s) >= 0);
		/* A socket holds less than a packet: while something is pending there is more to come, unless nobody reads. */
		idle = packet_writer_flush(p->a.w, p->a.fd) == 1 || p->budget == 0 || result->receiver != 0;
		while (p->budget > 0 && result->receiver == 0 && next(&p->b, &packet) > 0) {
			result->receiver = receive_packet(p, &r, o, &packet, result);
			p->budget--;
			idle = false;
		}
		assert_true(packet_writer_flush(p->b.w, p->b.fd) >= 0);
		while (result->sender == 0 && next(&p->a, &packet) > 0) {
			result->sender = bulk_send_packet(s, &packet);
			idle = false;
		}
	}
	if (result->receiver == 1)
		(void)strcpy(result->hash, bulk_receive_hash(r));
	bulk_receive_destroy(r);
}

static int content(uint64_t size, unsigned seed)
{
	int fd = memfd_create("content", MFD_CLOEXEC);
	uint64_t v = seed;
	static uint64_t buffer[8192];
	for (uint64_t at = 0; at < size; at += sizeof buffer) {
		for (size_t i = 0; i < 8192; i++)
			buffer[i] = v = v * 6364136223846793005u + 1442695040888963407u;
		size_t n = size - at < sizeof buffer ? (size_t)(size - at) : sizeof buffer;
		assert_int_equal(write(fd, buffer, n), n);
	}
	return fd;
}

static void assert_same(int fd, const char *name)
{
	struct stat a, b;
	int other = openat(directory, name, O_RDONLY | O_CLOEXEC);
	assert_true(other >= 0);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstat(other, &b), 0);
	assert_int_equal(a.st_size, b.st_size);
	if (a.st_size > 0) {
		void *x = mmap(NULL, (size_t)a.st_size, PROT_READ, MAP_SHARED, fd, 0);
		void *y = mmap(NULL, (size_t)a.st_size, PROT_READ, MAP_SHARED, other, 0);
		assert_memory_equal(x, y, (size_t)a.st_size);
		munmap(x, (size_t)a.st_size);
		munmap(y, (size_t)a.st_size);
	}
	close(other);
}

static bool exists(const char *name)
{
	return faccessat(directory, name, F_OK, 0) == 0;
}

static struct bulk_send *send_file(struct pair *p, int fd)
{
	struct bulk_send *s;
	struct bulk_send_options o = {.fd = fd, .name = "thing", .kind = "image", .writer = p->a.w, .stream = 3};
	assert_int_equal(bulk_send_create(&o, &s), 0);
	return s;
}

static void test_sizes(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {0, 1, BULK_CHUNK - 1, BULK_CHUNK, BULK_CHUNK + 1, 3 * BULK_WINDOW + 17};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct pair p;
		struct result result;
		struct bulk_receive_options o = {.name = "sized", .mode = 0700};
		int fd = content(sizes[i], 1);
		connect_pair(&p, UINT64_MAX);
		struct bulk_send *s = send_file(&p, fd);
		converse(&p, s, &o, &result);
		assert_int_equal(result.receiver, 1);
		assert_int_equal(result.sender, 1);
		assert_string_equal(result.offer.name, "thing");
		assert_string_equal(result.offer.kind, "image");
		assert_int_equal(result.offer.size, sizes[i]);
		assert_int_equal(strlen(result.hash), 32);
		assert_int_equal(bulk_send_queued(s), sizes[i]);
		assert_same(fd, "sized");
		assert_false(exists("sized.part"));
		struct stat st;
		assert_int_equal(fstatat(directory, "sized", &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
		bulk_send_destroy(s);
		disconnect_pair(&p);
		close(fd);
	}
}

/* Lost after every packet in turn: the next session goes on behind what arrived. */
static void test_resumed_everywhere(void **state)
{
	(void)state;
	enum { CHUNKS = 6 };
	const uint64_t size = CHUNKS * (uint64_t)BULK_CHUNK - 5;
	int fd = content(size, 2);
	for (uint64_t budget = 0; budget <= CHUNKS + 1; budget++) {
		struct pair p;
		struct result result;
		struct bulk_receive_options o = {.name = "resumed"};
		connect_pair(&p, budget);
		struct bulk_send *s = send_file(&p, fd);
		converse(&p, s, &o, &result);
		assert_int_equal(result.sender, 0);
		assert_false(exists("resumed"));
		disconnect_pair(&p);
		assert_int_equal(bulk_send_attach(s, NULL, 0), 0);
		assert_int_equal(bulk_send_pump(s), 0);

		uint64_t before = bulk_send_queued(s), arrived = budget > 0 ? (budget - 1) * BULK_CHUNK : 0;
		if (arrived > size)
			arrived = size;
		connect_pair(&p, UINT64_MAX);
		assert_int_equal(bulk_send_attach(s, p.a.w, 9), 0);
		converse(&p, s, &o, &result);
		assert_int_equal(result.receiver, 1);
		assert_int_equal(result.sender, 1);
		assert_int_equal(bulk_send_queued(s) - before, size - arrived);
		assert_same(fd, "resumed");
		assert_int_equal(unlinkat(directory, "resumed", 0), 0);
		bulk_send_destroy(s);
		disconnect_pair(&p);
	}
	close(fd);
}

/* Something else, longer or shorter, lies under the partial name: begun anew. */
static void test_foreign_prefix(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {0, 1, 3 * BULK_CHUNK};
	for (size_t i = 0; i < 3; i++) {
		struct pair p;
		struct result result;
		struct bulk_receive_options o = {.name = "foreign"};
		int part = openat(directory, "foreign.part", O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
		    fd = content(sizes[i], 3);
		assert_int_equal(write(part, "something else", 14), 14);
		connect_pair(&p, UINT64_MAX);
		struct bulk_send *s = send_file(&p, fd);
		converse(&p, s, &o, &result);
		assert_int_equal(result.receiver, 1);
		assert_same(fd, "foreign");
		bulk_send_destroy(s);
		disconnect_pair(&p);
		close(part);
		close(fd);
	}
}

/* A receiver that is known to have nothing is not asked: all goes with the offer. What lies there all the same is begun anew, and a session
 * that is lost is gone on with as any. */
static void test_eager(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {0, 1, 2 * BULK_CHUNK + 7};
	for (size_t i = 0; i < 6; i++) {
		struct pair p;
		struct result result;
		struct bulk_receive_options o = {.name = "eager", .passing = i % 2 == 0};
		struct bulk_send *s;
		int part = openat(directory, "eager.part", O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
		    fd = content(sizes[i / 2], 5);
		assert_int_equal(write(part, "something else", 14), 14);
		connect_pair(&p, i == 5 ? 2 : UINT64_MAX);
		struct bulk_send_options so = {
			.fd = fd, .eager = true, .name = "thing", .kind = "image", .writer = p.a.w, .stream = 1};
		assert_int_equal(bulk_send_create(&so, &s), 0);
		assert_int_equal(bulk_send_pump(s), 1); /* to its end, before anybody has answered */
		converse(&p, s, &o, &result);
		if (i == 5) {
			uint64_t before = bulk_send_queued(s);
			assert_int_equal(result.sender, 0);
			disconnect_pair(&p);
			connect_pair(&p, UINT64_MAX);
			assert_int_equal(bulk_send_attach(s, p.a.w, 9), 0);
			converse(&p, s, &o, &result);
			assert_int_equal(bulk_send_queued(s) - before, sizes[2] - BULK_CHUNK);
		}
		assert_int_equal(result.receiver, 1);
		assert_int_equal(result.sender, 1);
		assert_same(fd, "eager");
		assert_int_equal(unlinkat(directory, "eager", 0), 0);
		bulk_send_destroy(s);
		disconnect_pair(&p);
		close(part);
		close(fd);
	}
}

/* What was offered before on this stream is still acknowledged when it is offered again. */
static void test_late_acknowledgement(void **state)
{
	(void)state;
	struct packet_writer *w;
	struct bulk_send *s;
	int fd = content(0, 0);
	assert_int_equal(packet_writer_create(PACKET_PLAIN, &w), 0);
	struct bulk_send_options o = {.fd = fd, .name = "thing", .kind = "image", .writer = w, .stream = 1};
	for (int again = 0; again < 2; again++) {
		o.again = again;
		assert_int_equal(bulk_send_create(&o, &s), 0);
		assert_int_equal(bulk_send_packet(s, &(struct packet){.type = PACKET_ACK, .offset = 65536}),
			again ? 0 : PMIG_EPROTOCOL);
		assert_int_equal(bulk_send_acknowledged(s), 0);
		bulk_send_destroy(s);
	}
	packet_writer_destroy(w);
	close(fd);
}

static void test_growing(void **state)
{
	(void)state;
	struct pair p;
	struct bulk_receive_options o = {.name = "grown"};
	struct bulk_send *s;
	int fd = content(0, 0);
	connect_pair(&p, UINT64_MAX);
	struct bulk_send_options so = {
		.fd = fd, .growing = true, .name = "thing", .kind = "image", .writer = p.a.w, .stream = 1};
	assert_int_equal(bulk_send_create(&so, &s), 0);

	struct bulk_receive *r;
	struct packet packet;
	struct bulk_offer offer;
	assert_int_equal(packet_writer_flush(p.a.w, p.a.fd), 1);
	assert_int_equal(next(&p.b, &packet), 1);
	assert_int_equal(bulk_offer_get(&packet, &offer), 0);
	assert_true(offer.size == BULK_SIZE_UNKNOWN);
	o.directory = directory;
	o.writer = p.b.w;
	o.stream = packet.stream;
	assert_int_equal(bulk_receive_create(&o, &offer, &r), 0);
	int done = 0;
	for (int i = 0; done == 0; i++) {
		if (i < 40)
			assert_int_equal(write(fd, "twelve bytes", 12), 12);
		else if (i == 40)
			bulk_send_complete(s);
		assert_int_equal(packet_writer_flush(p.b.w, p.b.fd), 1);
		while (next(&p.a, &packet) > 0)
			assert_true((done = bulk_send_packet(s, &packet)) >= 0);
		assert_true(bulk_send_pump(s) >= 0);
		assert_int_equal(packet_writer_flush(p.a.w, p.a.fd), 1);
		while (next(&p.b, &packet) > 0)
			assert_true(bulk_receive_packet(r, &packet) >= 0);
	}
	assert_int_equal(bulk_receive_size(r), 480);
	assert_same(fd, "grown");
	bulk_receive_destroy(r);
	bulk_send_destroy(s);
	disconnect_pair(&p);
	close(fd);
}

static void test_too_big(void **state)
{
	(void)state;
	struct pair p;
	struct result result;
	struct bulk_receive_options o = {.name = "big", .limit = 1000};
	int fd = content(1001, 4);
	connect_pair(&p, UINT64_MAX);
	struct bulk_send *s = send_file(&p, fd);
	converse(&p, s, &o, &result);
	assert_int_equal(result.receiver, PMIG_ENOSPC);
	assert_int_equal(result.sender, PMIG_ENOSPC);
	assert_non_null(strstr(pmig_reason(), "1000"));
	assert_false(exists("big"));
	bulk_send_destroy(s);
	disconnect_pair(&p);

	/* The disk cannot hold it: known from the offer. */
	assert_int_equal(ftruncate(fd, (off_t)1 << 60), 0);
	o = (struct bulk_receive_options){.name = "big"};
	connect_pair(&p, UINT64_MAX);
	s = send_file(&p, fd);
	converse(&p, s, &o, &result);
	assert_int_equal(result.sender, PMIG_ENOSPC);
	bulk_send_destroy(s);
	disconnect_pair(&p);
	close(fd);
}

/* What a stranger may send to a receiver. Each is refused, and nothing is left under the name. */
static void test_hostile_packets(void **state)
{
	(void)state;
	static const struct {
		struct packet p;
		int rc;
	} cases[] = {
		{{.type = PACKET_DATA, .offset = 1, .data = "x", .size = 1}, PMIG_EPROTOCOL},
		{{.type = PACKET_DATA, .offset = UINT64_MAX, .data = "x", .size = 1}, PMIG_EPROTOCOL},
		{{.type = PACKET_DATA, .offset = 0, .data = "123456", .size = 6}, PMIG_ENOSPC}, /* 5 were offered */
		{{.type = PACKET_END, .offset = 0, .data = "0123456789abcdef", .size = 16}, PMIG_EPROTOCOL},
		{{.type = PACKET_END, .offset = 5, .data = "0123456789abcdef", .size = 16}, PMIG_EPROTOCOL},
		{{.type = PACKET_ACK}, PMIG_EPROTOCOL},
		{{.type = PACKET_DONE}, PMIG_EPROTOCOL},
	};
	struct packet_writer *w;
	assert_int_equal(packet_writer_create(PACKET_PLAIN, &w), 0);
	struct bulk_receive_options o = {.directory = directory, .name = "hostile", .writer = w};
	struct bulk_offer offer = {.name = "x", .kind = "y", .size = 5};
	struct bulk_receive *r, *second;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(bulk_receive_create(&o, &offer, &r), 0);
		assert_int_equal(bulk_receive_create(&o, &offer, &second), PMIG_EBUSY);
		assert_int_equal(bulk_receive_packet(r, &cases[i].p), cases[i].rc);
		assert_int_equal(bulk_receive_packet(r, &cases[i].p), PMIG_EPROTOCOL);
		bulk_receive_destroy(r);
		assert_false(exists("hostile"));
		assert_false(exists("hostile.part"));
	}
	/* All bytes there, but not those that were hashed. */
	assert_int_equal(bulk_receive_create(&o, &offer, &r), 0);
	assert_int_equal(bulk_receive_packet(r, &(struct packet){.type = PACKET_DATA, .data = "12345", .size = 5}), 0);
	struct packet end = {.type = PACKET_END, .offset = 5, .data = "0123456789abcdef", .size = 16};
	assert_int_equal(bulk_receive_packet(r, &end), PMIG_ECORRUPT);
	assert_false(exists("hostile"));
	bulk_receive_destroy(r);
	packet_writer_destroy(w);
}

static void test_offers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{"{\"name\":\"a.b-c_d+1\",\"kind\":\"image\",\"size\":5}", 0},
		{"{\"name\":\"a\",\"kind\":\"image\"}", 0},
		{"{\"name\":\"../a\",\"kind\":\"image\"}", PMIG_EPROTOCOL},
		{"{\"name\":\".a\",\"kind\":\"image\"}", PMIG_EPROTOCOL},
		{"{\"name\":\"a/b\",\"kind\":\"image\"}", PMIG_EPROTOCOL},
		{"{\"name\":\"\",\"kind\":\"image\"}", PMIG_EPROTOCOL},
		{"{\"name\":1,\"kind\":\"image\"}", PMIG_EPROTOCOL},
		{"{\"name\":\"a\"}", PMIG_EPROTOCOL},
		{"{\"name\":\"a\",\"kind\":\"image\",\"size\":-1}", PMIG_EPROTOCOL},
		{"{\"name\":\"a\",\"kind\":\"image\",\"size\":\"5\"}", PMIG_EPROTOCOL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct packet p = {.type = PACKET_OFFER, .data = cases[i].text, .size = strlen(cases[i].text)};
		struct bulk_offer offer;
		assert_int_equal(bulk_offer_get(&p, &offer), cases[i].rc);
	}
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(root) == NULL)
		return -1;
	directory = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const names[] = {"sized", "foreign", "grown"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)unlinkat(directory, names[i], 0);
	close(directory);
	return rmdir(root); /* nothing else may be left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_resumed_everywhere),
		cmocka_unit_test(test_foreign_prefix),
		cmocka_unit_test(test_eager),
		cmocka_unit_test(test_late_acknowledgement),
		cmocka_unit_test(test_growing),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_hostile_packets),
		cmocka_unit_test(test_offers),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
