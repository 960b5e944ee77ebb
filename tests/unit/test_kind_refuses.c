/* What kinds refuse when a thing is no longer what the plan took it for: at the source, where the program goes on, and at the target, where the
 * hand-over is undone. Each is called as the runtime calls it, on one thing of its own. */
#include "arena/arena.h"
#include "frame/program.h"
#include "kind/table.h"
#include "resource/content.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

const struct program pmig_program = {0};

static char place[64], path[PATH_MAX];

static const char *in_place(const char *name)
{
	(void)snprintf(path, sizeof path, "%s/%s", place, name);
	return path;
}

static int create(const char *name)
{
	int fd = open(in_place(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, "text", 4) == 4);
	return fd;
}

/* --- things: the resource's descriptor, and what else is to be said of it --- */

static void file(struct pmig_resource *r)
{
	r->fd = create("file");
}

static void kept_file(struct pmig_resource *r)
{
	file(r);
	r->kept = true;
}

/* What cannot be mapped. */
static void message_queue(struct pmig_resource *r)
{
	char name[64];
	(void)snprintf(name, sizeof name, "/pmig-refuses-%d", (int)getpid());
	close(create("file"));
	r->fd = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	assert_true(r->fd >= 0 && mq_unlink(name) == 0 && fstat(r->fd, &r->st) == 0);
	r->st.st_nlink = 0;
}

static void tree_elsewhere(struct pmig_resource *r)
{
	assert_int_equal(mkdir(in_place("folder"), 0700), 0);
	r->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r->declared = true;
	r->reference = 5;
}

static void block_device(struct pmig_resource *r)
{
	r->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(r->fd, &r->st), 0);
	r->st.st_mode = S_IFBLK | 0600;
}

static void named_pipe(struct pmig_resource *r)
{
	assert_int_equal(mkfifo(in_place("fifo"), 0600), 0);
	r->fd = open(path, O_RDWR | O_CLOEXEC);
}

static void site(struct pmig_resource *r)
{
	assert_int_equal(mkdir(in_place("site"), 0700), 0);
	r->fd = -1;
}

static void site_elsewhere(struct pmig_resource *r)
{
	site(r);
	r->reference = 5;
}

static void kept_site(struct pmig_resource *r)
{
	site(r);
	r->kept = true;
}

static void no_site(struct pmig_resource *r)
{
	(void)in_place("site");
	r->fd = -1;
}

static void printer(struct pmig_resource *r)
{
	(void)snprintf(path, sizeof path, "lp");
	r->declaration.type = "printer";
	r->fd = -1;
}

static int listening = -1;

static void service(struct pmig_resource *r)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(bind(listening, (struct sockaddr *)&a, n) == 0 && listen(listening, 1) == 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&a, &n), 0);
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(r->fd, (struct sockaddr *)&a, n), 0);
	(void)snprintf(path, sizeof path, "tcp://127.0.0.1:%u/", ntohs(a.sin_port));
}

/* --- what happens to them before they arrive --- */

static void gone(void)
{
	assert_int_equal(remove(path), 0);
}

static void another(void)
{
	char other[sizeof path + 8];
	(void)snprintf(other, sizeof other, "%s.other", path);
	close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(rename(other, path), 0);
}

enum operation { SAVE = 1, READY, REFER, REBIND };

static const struct row {
	const char *kind;
	enum operation operation;
	enum pmig_strategy strategy;
	void (*thing)(struct pmig_resource *r);
	void (*then)(void);
	const char *there, *words;
} rows[] = {
	{"file", SAVE, PMIG_COPY, message_queue, .words = "its content cannot be read"},
	{"file", REFER, PMIG_REFER, kept_file, gone, .words = "it was found to be the same here, and cannot be opened"},
	{"file", REFER, PMIG_REFER, kept_file, another,
		.words = "it was found to be the same here, and another file has its name now"},
	{"file", REBIND, PMIG_REBIND, file, .there = "/nothing/there",
		.words = "/nothing/there, which takes its place here, cannot be opened"},
	{"file", REBIND, PMIG_REBIND, file, .there = "/dev/null",
		.words = "/dev/null, which was to take its place here, is no regular file"},
	{"directory", SAVE, PMIG_MOVE, tree_elsewhere, .words = "it lies at another host and can only be referred to"},
	{"device", SAVE, PMIG_REFER, block_device, .words = "a block device has no stream of bytes that could be relayed"},
	{"pipe", SAVE, PMIG_COPY, named_pipe, .words = "only the bytes of a pipe within the process can be copied"},
	{"pipe", REBIND, PMIG_REBIND, named_pipe, .there = "", .words = "nothing of its type was found here"},
	{"pipe", REBIND, PMIG_REBIND, named_pipe, .there = "/nothing/there", .words = "/nothing/there: No such file"},
	{"site", SAVE, PMIG_MOVE, site_elsewhere,
		.words = "it lies at another host and is referred to; it is not carried from here"},
	{"site", SAVE, PMIG_REFER, no_site, .words = "it cannot be opened"},
	{"site", REFER, PMIG_REFER, kept_site, gone, .words = "no directory lies here under that name"},
	{"printer", REBIND, PMIG_REBIND, printer, .there = "", .words = "nothing of its type (printer) was found here"},
	{"service", READY, PMIG_REFER, service,
		.words = " is connected to it; close the connection before the safe point, or in a `before` hook"},
};

static int operate(const struct row *row, struct pmig_resource *r, struct pmig_writer *w)
{
	const struct pmig_kind *k = kind_table_find(row->kind);
	if (row->operation == READY)
		return k->ready(r);
	int e = k->save != NULL ? k->save(r, w) : 0;
	if (row->operation == SAVE || e < 0)
		return e;
	struct pmig_reader in = {0};
	record_reader_init(&in.record, "test", w->record.data, w->record.size);
	if (row->then != NULL)
		row->then();
	r->fd = -1;
	return row->operation == REFER ? k->refer(r, &in) : k->rebind(r, &in);
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(name);
}

static void each_is_said(void **state)
{
	(void)state;
	assert_true(arena_create() >= 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pmig_writer w = {0};
		struct pmig_resource r = {.kind = kind_table_find(rows[i].kind),
			.strategy = rows[i].strategy,
			.there = rows[i].there,
			.locator = path};
		assert_non_null(r.kind);
		(void)snprintf(place, sizeof place, "/var/tmp/pmig-refuses-XXXXXX");
		assert_non_null(mkdtemp(place));
		rows[i].thing(&r);
		int fd = r.fd;
		if (fd >= 0) {
			r.flags = fcntl(fd, F_GETFL);
			if (r.st.st_mode == 0)
				assert_int_equal(fstat(fd, &r.st), 0);
			r.size = (uint64_t)r.st.st_size;
		}
		int e = operate(&rows[i], &r, &w);
		if ((e != PMIG_EREFUSED && e != PMIG_EBUSY) || strstr(pmig_reason(), rows[i].words) == NULL)
			fail_msg("row %zu, %s: %d, %s", i, rows[i].words, e, e < 0 ? pmig_reason() : "not refused");
		content_finish(&w);
		if (fd >= 0)
			close(fd);
		assert_int_equal(nftw(place, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	}
	close(listening);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
